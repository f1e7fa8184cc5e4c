// What the benchmark's programs share: sockets, and ending with a sentence.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace dormouse::bench {

inline void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

/// An IPv4 address and port, "127.0.0.1:8080".
inline sockaddr_in parseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::size_t used = 0;
  unsigned long port = 65536;
  try {
    if (colon != std::string::npos) port = std::stoul(text.substr(colon + 1), &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (port > 65535 || used + colon + 1 != text.size() ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    throw std::invalid_argument("not ADDRESS:PORT: " + text);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// A connected socket without Nagle's delay; the caller closes it. Blocking.
inline int connectTo(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket");
  check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace dormouse::bench
