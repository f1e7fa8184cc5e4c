#include "client/local_udp.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dormouse::client {

LocalUdp::LocalUdp(std::uint64_t connection, const Poco::Net::SocketAddress& to, EventLoop& loop,
                   LocalEndListener& listener)
    : connection_(connection), loop_(loop), listener_(listener) {
  fd_ = ::socket(to.af(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || ::connect(fd_, to.addr(), to.length()) != 0) {
    noteError(errno);
    settle(Reason::kSinkRefused);
    return;
  }
  loop_.add(fd_, EPOLLIN, *this);
}

LocalUdp::~LocalUdp() {
  if (fd_ < 0) return;
  loop_.remove(fd_);
  ::close(fd_);
}

void LocalUdp::write(std::span<const std::uint8_t> bytes) {
  if (done_) return;
  // The error of an earlier datagram is reported by the next call, which then sends nothing: hence
  // the second try.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) {
      listener_.onLocalWritten(bytes.size());
      return;
    }
    const int error = errno;
    noteError(error);
    if (error != ECONNREFUSED) return;
  }
}

void LocalUdp::finish() {
  if (done_) return;
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0) noteError(error);
  settle(trouble_);
}

void LocalUdp::cut(Reason reason) {
  if (!done_) settle(reason);
}

void LocalUdp::giveUp(Reason reason) {
  if (!done_) settle(reason);
}

void LocalUdp::onEvents(std::uint32_t) {
  std::array<char, 1> scratch{};  // A datagram's rest is thrown away by the kernel.
  for (int i = 0; i < 64; ++i) {
    if (::recv(fd_, scratch.data(), scratch.size(), 0) >= 0) continue;
    if (errno == EAGAIN || errno == EINTR) return;
    noteError(errno);
  }
}

void LocalUdp::noteError(int error) {
  if (trouble_ != Reason::kNone) return;
  trouble_ = error == EAGAIN || error == ENOBUFS ? Reason::kOverBudget : Reason::kSinkRefused;
  if (trouble_ == Reason::kSinkRefused) {
    listener_.onLocalRefused(connection_, std::generic_category().message(error));
  }
}

void LocalUdp::settle(Reason fate) {
  done_ = true;
  if (fd_ >= 0) {
    loop_.remove(fd_);
    ::close(fd_);
    fd_ = -1;
  }
  listener_.onLocalDone(connection_, fate);
}

}  // namespace dormouse::client
