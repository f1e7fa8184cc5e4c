// Reads the kernel's lists of sockets.
#pragma once

#include <cstdint>
#include <string>

#include "client/follow/open_socket.h"

namespace dormouse::follow {

/// By sock_diag(7); where that is not to be had (a container's seccomp profile, a kernel without
/// it), from /proc/net. Of the network namespace in which it was made. One thread only.
class SocketLists {
 public:
  /// `procNet`: only read where sock_diag fails.
  explicit SocketLists(std::string procNet = "/proc/self/net");
  ~SocketLists();
  SocketLists(const SocketLists&) = delete;
  SocketLists& operator=(const SocketLists&) = delete;

  /// Every socket of this machine that takes traffic, as OpenSocket says. What cannot be read at
  /// all is left out: then nothing is there to be mirrored.
  OpenSockets read();

 private:
  bool readDiag(Protocol protocol, bool v6, OpenSockets& into);
  bool receive(Protocol protocol, OpenSockets& into, bool& interrupted);
  void readProc(Protocol protocol, bool v6, OpenSockets& into) const;

  const std::string procNet_;
  int fd_ = -1;  // Netlink; negative once it is known not to work.
  std::uint32_t sequence_ = 0;
};

}  // namespace dormouse::follow
