// Sockets of a test: listed ones made up, and real ones on ports of the kernel's choice.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "client/follow/open_socket.h"

namespace dormouse::follow {

/// `address`: as inet_pton(3) takes it; with a colon it is IPv6.
inline OpenSocket listed(std::uint64_t inode, std::uint16_t port,
                         const std::string& address = "127.0.0.1",
                         Protocol protocol = Protocol::kTcp) {
  OpenSocket socket;
  socket.protocol = protocol;
  socket.v6 = address.find(':') != std::string::npos;
  socket.port = port;
  socket.inode = inode;
  if (::inet_pton(socket.v6 ? AF_INET6 : AF_INET, address.c_str(), socket.address.data()) != 1) {
    throw std::invalid_argument(address);
  }
  return socket;
}

inline std::string textOf(const Destination& to) {
  char text[INET6_ADDRSTRLEN] = {};
  std::uint16_t port = 0;
  if (to.address.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &to.address, sizeof in);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    port = ntohs(in.sin_port);
  } else {
    sockaddr_in6 in{};
    std::memcpy(&in, &to.address, sizeof in);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
    port = ntohs(in.sin6_port);
  }
  return std::string(text) + " " + std::to_string(port);
}

/// Bound to a loopback address on a port of the kernel's choice, and listening if it is TCP.
class RealSocket {
 public:
  explicit RealSocket(Protocol protocol, bool v6 = false, bool v6Only = false) {
    const int type = protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
    fd_ = ::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd_ < 0) throw std::runtime_error("socket");
    if (v6) {
      const int on = v6Only ? 1 : 0;
      ::setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      sockaddr_in6 any{};
      any.sin6_family = AF_INET6;
      bind(any);
      port_ = ntohs(any.sin6_port);
    } else {
      sockaddr_in loopback{};
      loopback.sin_family = AF_INET;
      loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      bind(loopback);
      port_ = ntohs(loopback.sin_port);
    }
    if (protocol == Protocol::kTcp && ::listen(fd_, 8) != 0) throw std::runtime_error("listen");
    struct stat status{};
    ::fstat(fd_, &status);
    inode_ = status.st_ino;
  }
  ~RealSocket() { close(); }
  RealSocket(const RealSocket&) = delete;
  RealSocket& operator=(const RealSocket&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }
  std::uint16_t port() const { return port_; }
  std::uint64_t inode() const { return inode_; }

 private:
  template <typename Address>
  void bind(Address& address) {
    socklen_t length = sizeof address;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("bind");
    }
  }
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace dormouse::follow
