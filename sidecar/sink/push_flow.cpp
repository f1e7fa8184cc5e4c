#include "sink/push_flow.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace dormouse::sink {
namespace {

constexpr int kAnswersPerEvent = 16;

}  // namespace

PushFlow::PushFlow(const PushContext& context, mirror::ConnectionHandle handle)
    : context_(context), handle_(handle), socket_(context.loop, &context.ownSockets) {}

int PushFlow::connect(const Endpoint& to) {
  peer_ = to;
  error_ = socket_.connect(OutgoingSocket::Kind::kUdp, to, context_.options.sendBuffer, *this);
  return error_;
}

Reason PushFlow::write(std::span<const std::uint8_t> bytes) {
  ssize_t n = 0;
  do {
    n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return Reason::kNone;
  if (errno == EAGAIN || errno == ENOBUFS) return Reason::kOverBudget;
  error_ = errno;
  return Reason::kSinkRefused;
}

std::optional<Reason> PushFlow::end() {
  error_ = socket_.takeError();
  if (error_ != 0) return Reason::kSinkRefused;
  socket_.end();
  return Reason::kNone;
}

void PushFlow::onEvents(std::uint32_t events) {
  std::optional<Reason> fate;
  if ((events & EPOLLERR) != 0) {
    error_ = socket_.takeError();
    if (error_ != 0) fate = Reason::kSinkRefused;
  }
  // What does not fit the buffer is dropped with the datagram.
  char scratch = 0;
  for (int i = 0; !fate && i < kAnswersPerEvent; ++i) {
    if (::recv(socket_.fd(), &scratch, 1, MSG_DONTWAIT) < 0) break;
  }
  context_.owner.onLinkEvent(handle_, fate);  // Perhaps the end of this object.
}

}  // namespace dormouse::sink
