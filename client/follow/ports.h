// Which ports the program has opened, and which it has closed: pure, no I/O.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/follow/open_socket.h"
#include "client/follow/port_map.h"
#include "common/clock.h"

namespace dormouse::follow {

/// What one mirror serves: all sockets of the program on that port.
struct LocalPort {
  Protocol protocol = Protocol::kTcp;
  std::uint16_t port = 0;
  auto operator<=>(const LocalPort&) const = default;
};

struct PortChange {
  enum class Kind : std::uint8_t {
    kOpened,   // To be mirrored.
    kClosed,   // One that was opened before: its last socket is closed, or another has its place.
    kLeftOut,  // Opened, and not to be mirrored since the kernel chose it.
  };
  Kind kind = Kind::kOpened;
  LocalPort local;
  std::uint16_t remote = 0;  // Of kOpened.
  OpenSocket socket;         // Not of kClosed: the one that gets the traffic.
};

/// Keeps what is known of the program's sockets, by inode, and compares it with the kernel's lists.
/// One thread only.
class Ports {
 public:
  /// `tcp`, `udp`: which protocols count.
  Ports(PortMap map, bool tcp, bool udp);

  /// A bind of this socket was asked for, to that port (0: the kernel chooses; nullopt: unknown).
  void noteBind(std::uint64_t inode, std::optional<std::uint16_t> port, TimePoint now);
  void noteListen(std::uint64_t inode, TimePoint now);
  /// All sockets that the program's processes hold now, instead of what was noted.
  void noteAll(const std::set<std::uint64_t>& inodes);

  /// `open`: the kernel's lists, all protocols and families. What has changed since the last call;
  /// a port that moved to another socket is closed, then opened.
  std::vector<PortChange> update(const OpenSockets& open);

  /// When to look at the lists again: soon after a notice, since the call it tells of has not
  /// happened yet, then ever more slowly; max() while nothing is known.
  TimePoint nextAt(TimePoint now) const;

 private:
  struct Note {
    bool bound = false;                 // By a notice. Only such UDP sockets are servers.
    bool open = false;                  // In the kernel's lists.
    Chosen chosen = Chosen::kByKernel;  // A listen without a bind.
    TimePoint at;                       // Of the last notice.
  };
  struct Served {
    OpenSocket socket;
    std::uint16_t remote = 0;
  };
  Note& note(std::uint64_t inode, TimePoint now);
  bool serves(const OpenSocket& socket) const;

  const PortMap map_;
  const bool tcp_;
  const bool udp_;
  std::map<std::uint64_t, Note> notes_;  // By inode.
  std::map<LocalPort, Served> served_;
  std::set<LocalPort> leftOut_;  // Announced.
};

/// "port 3000", "UDP port 5353".
std::string nameOf(const LocalPort& port);

}  // namespace dormouse::follow
