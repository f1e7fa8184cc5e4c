#include "common/outgoing_socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace dormouse {
namespace {

socklen_t toSockaddr(const Endpoint& endpoint, sockaddr_storage& storage) {
  storage = {};
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.isV4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, bytes.data() + 12, 4);
    std::memcpy(&storage, &address, sizeof address);
    return sizeof address;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, bytes.data(), 16);
  std::memcpy(&storage, &address, sizeof address);
  return sizeof address;
}

std::optional<Endpoint> localEnd(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof address);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
    return Endpoint{IpAddress::v4(bytes), ntohs(address.sin_port)};
  }
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof address);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
  return Endpoint{IpAddress::v6(bytes), ntohs(address.sin6_port)};
}

}  // namespace

int OutgoingSocket::connect(Kind kind, const Endpoint& to, int sendBuffer, EventHandler& handler) {
  const bool tcp = kind == Kind::kTcp;
  sockaddr_storage address{};
  const socklen_t size = toSockaddr(to, address);
  fd_ = ::socket(address.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 0);
  if (fd_ < 0) return errno;
  handler_ = &handler;
  if (tcp) {
    // The original's segments were already gathered by its sender.
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (sendBuffer > 0) setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &sendBuffer, sizeof sendBuffer);

  int error = 0;
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0) error = errno;
  if (error == EINTR) error = EINPROGRESS;
  if (error != 0 && error != EINPROGRESS) return fail(error);
  local_ = localEnd(fd_);
  if (local_ && localEnds_ != nullptr) localEnds_->add(*local_);
  events_ = EPOLLIN;
  if (tcp) events_ |= EPOLLRDHUP;
  if (error == EINPROGRESS) events_ |= EPOLLOUT;
  try {
    loop_.add(fd_, events_, handler);
  } catch (const std::system_error& failure) {
    return fail(failure.code().value());
  }
  watched_ = true;
  return error;
}

void OutgoingSocket::watch(std::uint32_t events) {
  if (!watched_ || events == events_) return;
  loop_.change(fd_, events);
  events_ = events;
}

void OutgoingSocket::unwatch() {
  if (watched_) loop_.remove(fd_);
  watched_ = false;
}

int OutgoingSocket::takeError() {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool OutgoingSocket::allAcknowledged() const {
  // For TCP the difference of what was written, FIN included, and what was acknowledged; it keeps
  // its value when the connection is reset (tcp(7), SIOCOUTQ).
  int outstanding = 0;
  return ioctl(fd_, SIOCOUTQ, &outstanding) == 0 && outstanding == 0;
}

int OutgoingSocket::fail(int error) {
  close(true);
  return error;
}

void OutgoingSocket::close(bool reset) {
  if (fd_ < 0) return;
  unwatch();
  if (reset) {
    // Closing sends RST instead of FIN and drops what is still queued (socket(7), SO_LINGER).
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  ::close(fd_);
  fd_ = -1;
  if (local_ && localEnds_ != nullptr) localEnds_->remove(*local_);
  local_.reset();
}

}  // namespace dormouse
