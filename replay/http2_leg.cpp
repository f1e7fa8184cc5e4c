#include "replay/http2_leg.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace dormouse::replay {
namespace {

constexpr std::size_t kOutput = 32 << 10;
// What one event reads of the answers, so that a chatty program does not keep the loop to itself.
constexpr std::size_t kReadBytes = 64 << 10;

}  // namespace

Http2Leg::Http2Leg(EventLoop& loop, LocalEnds* localEnds, Http2LegOwner& owner)
    : socket_(loop, localEnds), owner_(owner), session_(owner) {}

void Http2Leg::connect(const Endpoint& to, int sendBuffer) {
  peer_ = to;
  const int error = socket_.connect(OutgoingSocket::Kind::kTcp, to, sendBuffer, *this);
  if (error == EINPROGRESS) return;
  if (error != 0) return end(State::kRefused, error);
  state_ = State::kOpen;
  pump();
}

void Http2Leg::timeOut() {
  end(State::kRefused, ETIMEDOUT);
}

void Http2Leg::pump() {
  if (state_ != State::kOpen) return;
  while (true) {
    if (out_.empty() && !session_.produce(out_, kOutput)) return lose(EPROTO);
    if (out_.empty()) {
      if (session_.over()) return session_.ready() ? end(State::kOver) : lose(EPROTO);
      break;
    }
    const ssize_t n = ::send(socket_.fd(), out_.data() + outSent_, out_.size() - outSent_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return lose(errno);
    }
    outSent_ += static_cast<std::size_t>(n);
    written_ += static_cast<std::uint64_t>(n);
    owner_.onBytesWritten(static_cast<std::size_t>(n));
    if (outSent_ == out_.size()) {
      out_ = {};
      outSent_ = 0;
      owner_.onOutputFree(std::exchange(charge_, 0));
      // Only then the session says which frames it has sent.
      if (!session_.produce(out_, kOutput)) return lose(EPROTO);
    }
    settleMarks();
  }
  socket_.watch(EPOLLIN | EPOLLRDHUP | (out_.empty() ? 0U : static_cast<unsigned>(EPOLLOUT)));
}

void Http2Leg::settleMarks() {
  while (!marks_.empty() && marks_.front().end <= written_) {
    const std::uint32_t number = marks_.front().number;
    marks_.pop_front();
    owner_.onWritten(number);
  }
}

void Http2Leg::onEvents(std::uint32_t events) {
  if (state_ == State::kConnecting) {
    const int error = socket_.takeError();
    if (error != 0) {
      end(State::kRefused, error);
    } else if ((events & EPOLLOUT) != 0) {
      state_ = State::kOpen;
    }
  } else if ((events & EPOLLERR) != 0) {
    lose(socket_.takeError());
  } else if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) {
    receive();
  }
  if (state_ == State::kOpen) pump();
  owner_.onLegEvent(*this);  // Perhaps the end of this object.
}

void Http2Leg::receive() {
  static std::array<std::uint8_t, kReadBytes> buffer;
  const ssize_t n = ::recv(socket_.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return lose(errno);
  }
  if (n == 0) {
    if (session_.ready() && session_.streams() == 0) return end(State::kOver);
    return lose(ECONNRESET);
  }
  const auto count = static_cast<std::size_t>(n);
  const auto bytes = std::span<const std::uint8_t>(buffer).first(count);
  const bool good = session_.receive(bytes);
  owner_.onReceived(*this, bytes);
  if (!good) lose(EPROTO);
}

void Http2Leg::lose(int error) {
  // Before it has said a word of it: whatever listens there does not speak HTTP/2.
  if (!session_.ready()) return end(State::kRefused, EPROTO);
  end(State::kBroken, error);
}

void Http2Leg::end(State state, int error) {
  if (ended()) return;
  state_ = state;
  error_ = error;
  if (state == State::kOver) {
    socket_.end();
  } else {
    socket_.unwatch();
  }
  owner_.onOutputFree(std::exchange(charge_, 0));
}

}  // namespace dormouse::replay
