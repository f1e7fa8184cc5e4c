// The descriptor under one push connection or flow.
#pragma once

#include <cstdint>
#include <optional>

#include "common/event_loop.h"
#include "common/ip.h"
#include "mirror/own_sockets.h"

namespace dormouse::sink {

/// A non-blocking socket towards the target: in the loop and among the own sockets from connect()
/// until it is closed. Unless end() was called it goes by a reset, so that a receiver never takes
/// what was cut for complete. The loop's thread only; errors are values of errno.
class PushSocket {
 public:
  enum class Kind : std::uint8_t { kTcp, kUdp };

  /// REQUIRES: loop and ownSockets outlive the socket.
  PushSocket(EventLoop& loop, mirror::OwnSockets& ownSockets)
      : loop_(loop), ownSockets_(ownSockets) {}
  ~PushSocket() { close(true); }
  PushSocket(const PushSocket&) = delete;
  PushSocket& operator=(const PushSocket&) = delete;

  /// Opens and connects; `sendBuffer` is SO_SNDBUF in bytes, 0 leaves it to the kernel. 0:
  /// connected. EINPROGRESS: `handler` learns by EPOLLOUT. Else it failed and nothing is open.
  /// REQUIRES: not yet called; handler outlives the socket.
  int connect(Kind kind, const Endpoint& to, int sendBuffer, EventHandler& handler);
  /// Which events the handler gets from now on; EPOLLERR and EPOLLHUP always.
  void watch(std::uint32_t events);
  /// Takes the socket out of the loop for good.
  void unwatch();
  /// The orderly close. For a TCP connection whose FIN is acknowledged.
  void end() { close(false); }

  int fd() const { return fd_; }
  /// The pending error of the socket, which is cleared; 0 if there is none.
  int takeError();
  /// The peer has acknowledged all that was written, and the FIN if one was sent.
  bool allAcknowledged() const;

 private:
  int fail(int error);
  void close(bool reset);

  EventLoop& loop_;
  mirror::OwnSockets& ownSockets_;
  EventHandler* handler_ = nullptr;
  int fd_ = -1;
  std::uint32_t events_ = 0;
  bool watched_ = false;
  std::optional<Endpoint> local_;
};

}  // namespace dormouse::sink
