#include "client/local_connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace dormouse::client {
namespace {

// A program on this machine answers at once or not at all; --to-host may name another machine.
constexpr Nanos kConnectTimeout = std::chrono::seconds(10);

bool wouldBlock(int error) {
  return error == EAGAIN || error == EINTR;
}

}  // namespace

LocalConnection::LocalConnection(std::uint64_t connection, const Poco::Net::SocketAddress& to,
                                 EventLoop& loop, const Clock& clock, BufferCap& cap,
                                 LocalEndListener& listener)
    : connection_(connection),
      loop_(loop),
      clock_(clock),
      listener_(listener),
      queue_(cap),
      since_(clock.now()) {
  fd_ = ::socket(to.af(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    settle(Reason::kSinkRefused, errno);
    return;
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_, to.addr(), to.length()) != 0 && errno != EINPROGRESS) {
    settle(Reason::kSinkRefused, errno);
    return;
  }
  endByReset(true);
  watched_ = EPOLLOUT;
  loop_.add(fd_, watched_, *this);
}

LocalConnection::~LocalConnection() {
  if (fd_ < 0) return;
  loop_.remove(fd_);
  ::close(fd_);
}

void LocalConnection::write(std::span<const std::uint8_t> bytes) {
  if (state_ == State::kDone) return;
  if (state_ == State::kOpen && queue_.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && !wouldBlock(errno)) return settle(Reason::kSinkClosed, errno);
    if (sent > 0) {
      listener_.onLocalWritten(static_cast<std::uint64_t>(sent));
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }
  if (!queue_.push(bytes)) return settle(Reason::kOverBudget);
  watch();
}

void LocalConnection::finish() {
  finishing_ = true;
  endIfWritten();
}

void LocalConnection::cut(Reason reason) {
  cutFor_ = reason;
  endIfWritten();
}

void LocalConnection::giveUp(Reason reason) {
  if (state_ == State::kDone) return;
  if (state_ == State::kLingering) return settle(Reason::kNone);
  settle(cutFor_ != Reason::kNone ? cutFor_ : reason);
}

void LocalConnection::onTime(TimePoint now, Nanos linger) {
  if (state_ == State::kConnecting && now - since_ >= kConnectTimeout) {
    settle(Reason::kSinkRefused, ETIMEDOUT);
  } else if (state_ == State::kLingering && now - since_ >= linger) {
    settle(Reason::kNone);
  }
}

void LocalConnection::onEvents(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    if (const int error = takeError(); error != 0) return settle(Reason::kSinkRefused, error);
    onConnected();
    return;
  }
  if ((events & EPOLLIN) != 0) readAnswers();
  if (state_ != State::kDone && (events & (EPOLLERR | EPOLLHUP)) != 0) {
    // After the program's FIN, recv() goes on saying 0: only SO_ERROR tells of a reset.
    if (const int error = takeError(); error != 0) return settle(Reason::kSinkClosed, error);
    if (state_ == State::kLingering) return settle(Reason::kNone);
  }
  if (state_ == State::kOpen && (events & EPOLLOUT) != 0) writeQueue();
}

void LocalConnection::onConnected() {
  state_ = State::kOpen;
  since_ = clock_.now();
  writeQueue();
}

void LocalConnection::readAnswers() {
  std::array<std::uint8_t, 16384> scratch;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  // Bounded, so that one chatty program does not starve the others; epoll comes back.
  for (int i = 0; i < 16; ++i) {
    const ssize_t n = ::recv(fd_, scratch.data(), scratch.size(), 0);
    if (n > 0) {
      listener_.onLocalAnswer(connection_, std::span(scratch).first(static_cast<std::size_t>(n)));
      continue;
    }
    if (n < 0 && wouldBlock(errno)) return;
    if (n < 0) return settle(Reason::kSinkClosed, errno);
    peerEnded_ = true;
    listener_.onLocalAnswer(connection_, {});
    if (state_ == State::kLingering) return settle(Reason::kNone);
    return watch();
  }
}

void LocalConnection::writeQueue() {
  while (!queue_.empty()) {
    const auto bytes = queue_.front();
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && wouldBlock(errno)) break;
    if (sent < 0) return settle(Reason::kSinkClosed, errno);
    listener_.onLocalWritten(static_cast<std::uint64_t>(sent));
    queue_.pop(static_cast<std::size_t>(sent));
  }
  watch();
  endIfWritten();
}

void LocalConnection::endIfWritten() {
  if (state_ != State::kOpen || !queue_.empty()) return;
  if (cutFor_ != Reason::kNone) return settle(cutFor_);
  if (!finishing_) return;
  endByReset(false);
  ::shutdown(fd_, SHUT_WR);
  state_ = State::kLingering;
  since_ = clock_.now();
  if (!peerEnded_) return watch();
  const int error = takeError();
  settle(error == 0 ? Reason::kNone : Reason::kSinkClosed, error);
}

// Writability is watched only while something waits for it, readability until the program's FIN.
void LocalConnection::watch() {
  if (state_ == State::kDone || state_ == State::kConnecting) return;
  const std::uint32_t wanted = (queue_.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT)) |
                               (peerEnded_ ? 0U : static_cast<std::uint32_t>(EPOLLIN));
  if (wanted != watched_) loop_.change(fd_, watched_ = wanted);
}

int LocalConnection::takeError() const {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

// While it is set, close(2) sends RST. It is set from the start, so that a client that is killed
// does not make half a request look whole.
void LocalConnection::endByReset(bool reset) {
  const linger option{reset ? 1 : 0, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

void LocalConnection::settle(Reason fate, int error) {
  state_ = State::kDone;
  queue_.clear();
  if (fd_ >= 0) {
    loop_.remove(fd_);
    ::close(fd_);
    fd_ = -1;
  }
  if (fate == Reason::kSinkRefused) {
    listener_.onLocalRefused(connection_, std::generic_category().message(error));
  }
  listener_.onLocalDone(connection_, fate);
}

}  // namespace dormouse::client
