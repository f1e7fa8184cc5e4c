#include "sink/push_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace dormouse::sink {
namespace {

constexpr std::size_t kMinChunk = 2 << 10;   // A small request, while the handshake goes on.
constexpr std::size_t kMaxChunk = 64 << 10;  // One large segment.
// What a connection gathers during a batch, to be sent by one call.
constexpr std::size_t kGathered = 16 << 10;
// Answers wake the loop once so many bytes of them wait, and at the other side's end: a wake-up for
// each costs more than sending its request. It is the kernel's memory, of each connection.
constexpr int kAnswersAtOnce = 4 << 10;
// What one event reads of the answers, so that a chatty server does not keep the loop to itself.
constexpr std::size_t kReadBytes = 64 << 10;

}  // namespace

PushConnection::PushConnection(const PushContext& context, mirror::ConnectionHandle handle)
    : context_(context),
      handle_(handle),
      queue_(context.budget, kMinChunk, kMaxChunk),
      socket_(context.loop, &context.ownSockets) {}

int PushConnection::connect(const Endpoint& to) {
  peer_ = to;
  const int error =
      socket_.connect(OutgoingSocket::Kind::kTcp, to, context_.options.sendBuffer, *this);
  if (error == 0 || error == EINPROGRESS) {
    setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVLOWAT, &kAnswersAtOnce, sizeof kAnswersAtOnce);
  }
  if (error == EINPROGRESS) {
    deadline_ = context_.clock.now() + context_.options.connectTimeout;
    return 0;
  }
  if (error == 0) state_ = State::kOpen;
  error_ = error;
  return error;
}

Reason PushConnection::write(std::span<const std::uint8_t> bytes) {
  if (canSend() && !gathers(bytes.size())) {
    if (const auto fate = writeQueue()) return *fate;
    if (queue_.empty()) {
      const ssize_t n = send(bytes);
      if (n < 0) return Reason::kSinkClosed;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      blocked_ = !bytes.empty();
    }
  }
  if (bytes.empty()) return Reason::kNone;
  auto* const out = queue_.room(bytes.size());
  if (out == nullptr) return Reason::kOverBudget;
  out->insert(out->end(), bytes.begin(), bytes.end());
  updateWatch();
  return Reason::kNone;
}

bool PushConnection::gathers(std::size_t bytes) const {
  // Most of the budget is for those whose reader is behind.
  const mirror::Budget& budget = context_.budget;
  return queue_.size() + bytes <= kGathered && budget.used() + bytes <= budget.limit() / 4;
}

ssize_t PushConnection::send(std::span<const std::uint8_t> bytes) {
  const ssize_t n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0) return n;
  if (errno == EAGAIN || errno == EINTR) return 0;
  error_ = errno;
  return -1;
}

std::optional<Reason> PushConnection::flush() {
  return canSend() && !queue_.empty() ? writeQueue() : std::nullopt;
}

std::vector<PushLink::RequestFate> PushConnection::takeFates() {
  std::vector<RequestFate> written;
  while (!marks_.empty() && marks_.front().end <= queue_.consumed()) {
    written.emplace_back(marks_.front().number, Reason::kNone);
    marks_.pop_front();
  }
  return written;
}

std::vector<std::uint32_t> PushConnection::takeOpen() {
  std::vector<std::uint32_t> unwritten;
  for (const Mark& mark : std::exchange(marks_, {})) unwritten.push_back(mark.number);
  return unwritten;
}

std::optional<Reason> PushConnection::end() {
  ended_ = true;
  return state_ == State::kOpen && queue_.empty() ? sendFin() : std::nullopt;
}

std::optional<Reason> PushConnection::expire() {
  if (state_ == State::kConnecting) {
    error_ = ETIMEDOUT;
    return Reason::kSinkRefused;
  }
  return verdict();
}

Reason PushConnection::settleNow() {
  if (state_ == State::kLingering) return verdict();
  return ended_ ? Reason::kSinkClosed : Reason::kMirrorEnded;
}

Reason PushConnection::verdict() {
  if (!socket_.allAcknowledged()) return Reason::kSinkClosed;
  if (!peerEnded_) readAnswers();  // What is left unread makes a close a reset.
  socket_.end();
  return Reason::kNone;
}

void PushConnection::onEvents(std::uint32_t events) {
  const std::optional<Reason> fate = handle(events);
  context_.owner.onLinkEvent(handle_, fate);  // Perhaps the end of this object.
}

std::optional<Reason> PushConnection::handle(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    error_ = socket_.takeError();
    // A handshake is refused, not reset: that came right after it.
    if (error_ == ECONNRESET || error_ == EPIPE) return Reason::kSinkClosed;
    if (error_ != 0) return Reason::kSinkRefused;
    if ((events & EPOLLOUT) == 0) return std::nullopt;
    state_ = State::kOpen;
    deadline_ = TimePoint::max();
  }
  // HUP before our FIN: the connection is closed altogether. After it, it only means that both
  // sides have ended.
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && state_ == State::kOpen)) {
    error_ = socket_.takeError();
    return state_ == State::kLingering ? verdict() : Reason::kSinkClosed;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0 && !peerEnded_) {
    if (const auto fate = discardAnswers()) return fate;
  }
  if (state_ == State::kLingering) {
    // The other side may have ended while our last bytes were under way: then their
    // acknowledgment, or a reset, is still to come.
    if (peerEnded_ && socket_.allAcknowledged()) return verdict();
    updateWatch();
    return std::nullopt;
  }
  return writeQueue();
}

ssize_t PushConnection::readAnswers() {
  // MSG_TRUNC makes TCP drop the bytes without copying them (tcp(7)); the buffer stays untouched.
  static std::array<char, kReadBytes> scratch;
  return ::recv(socket_.fd(), scratch.data(), scratch.size(), MSG_TRUNC | MSG_DONTWAIT);
}

std::optional<Reason> PushConnection::discardAnswers() {
  const ssize_t n = readAnswers();
  if (n == 0) peerEnded_ = true;
  if (n >= 0 || errno == EAGAIN || errno == EINTR) return std::nullopt;
  error_ = errno;
  return state_ == State::kLingering ? verdict() : Reason::kSinkClosed;
}

std::optional<Reason> PushConnection::writeQueue() {
  blocked_ = false;
  while (!queue_.empty() && !blocked_) {
    const ssize_t n = send(queue_.front());
    if (n < 0) return Reason::kSinkClosed;
    queue_.consume(static_cast<std::size_t>(n));
    blocked_ = n == 0;
  }
  if (queue_.empty()) {
    queue_.trim();
    if (ended_) return sendFin();
  }
  updateWatch();
  return std::nullopt;
}

std::optional<Reason> PushConnection::sendFin() {
  if (::shutdown(socket_.fd(), SHUT_WR) != 0) {
    error_ = errno;
    return Reason::kSinkClosed;
  }
  state_ = State::kLingering;
  deadline_ = context_.clock.now() + context_.options.linger;
  if (peerEnded_ && socket_.allAcknowledged()) return verdict();
  updateWatch();
  return std::nullopt;
}

void PushConnection::updateWatch() {
  std::uint32_t events = 0;
  if (state_ == State::kConnecting || blocked_) events |= EPOLLOUT;
  if (!peerEnded_) {
    events |= EPOLLIN | EPOLLRDHUP;
  } else if (state_ == State::kLingering) {
    // Both directions are shut, so EPOLLHUP would be reported without end; edge-triggered it comes
    // once more when the last acknowledgment or a reset has closed the connection.
    events |= EPOLLET;
  }
  socket_.watch(events);
}

}  // namespace dormouse::sink
