// A socket towards the program that gets copies.
#pragma once

#include <cstdint>
#include <optional>

#include "common/event_loop.h"
#include "common/ip.h"

namespace dormouse {

/// Knows the local ends of sockets, so that their packets can be told from others.
class LocalEnds {
 public:
  virtual ~LocalEnds() = default;
  virtual void add(const Endpoint& local) = 0;
  /// REQUIRES: local was added. Sockets to different destinations may share a local end.
  virtual void remove(const Endpoint& local) = 0;
};

/// A non-blocking socket: in the loop and among the local ends from connect() until it is closed.
/// Unless end() was called it goes by a reset, so that a receiver never takes what was cut for
/// complete. The loop's thread only; errors are values of errno.
class OutgoingSocket {
 public:
  enum class Kind : std::uint8_t { kTcp, kUdp };

  /// REQUIRES: loop and localEnds (null: nobody wants to know) outlive the socket.
  OutgoingSocket(EventLoop& loop, LocalEnds* localEnds) : loop_(loop), localEnds_(localEnds) {}
  ~OutgoingSocket() { close(true); }
  OutgoingSocket(const OutgoingSocket&) = delete;
  OutgoingSocket& operator=(const OutgoingSocket&) = delete;

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
  LocalEnds* const localEnds_;
  EventHandler* handler_ = nullptr;
  int fd_ = -1;
  std::uint32_t events_ = 0;
  bool watched_ = false;
  std::optional<Endpoint> local_;
};

}  // namespace dormouse
