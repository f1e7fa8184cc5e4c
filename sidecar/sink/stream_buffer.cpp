#include "sink/stream_buffer.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace dormouse::sink {
namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP;
constexpr std::size_t kMinChunk = 16 << 10;   // Some fifty small requests.
constexpr std::size_t kMaxChunk = 256 << 10;  // About what one write can hand to the kernel.

}  // namespace

StreamBuffer::StreamBuffer(EventLoop& loop, std::unique_ptr<StreamSocket> socket, std::size_t limit,
                           std::function<void()> onProgress)
    : loop_(loop),
      socket_(std::move(socket)),
      budget_(limit),
      queue_(budget_, std::min(kMinChunk, limit / 4), std::min(kMaxChunk, limit / 4)),
      onProgress_(std::move(onProgress)) {
  loop_.add(socket_->fd(), kWatched, *this);
}

StreamBuffer::~StreamBuffer() {
  stopWatching();
}

bool StreamBuffer::append(std::string_view text) {
  auto* const out = room(text.size());
  if (out == nullptr) return false;
  // As bytes: of characters the vector would take one at a time.
  const auto* const first = reinterpret_cast<const std::uint8_t*>(text.data());
  out->insert(out->end(), first, first + text.size());
  return true;
}

void StreamBuffer::flush() {
  if (!gone_ && !blocked_) write();
}

void StreamBuffer::write() {
  while (!queue_.empty()) {
    std::size_t written = 0;
    switch (socket_->write(queue_.front(), written)) {
      case StreamSocket::Result::kWritten:
        queue_.consume(written);
        continue;
      case StreamSocket::Result::kWouldBlock:
        if (!blocked_) loop_.change(socket_->fd(), kWatched | EPOLLOUT);
        blocked_ = true;
        return;
      case StreamSocket::Result::kGone:
        lose();
        return;
    }
  }
  if (blocked_) loop_.change(socket_->fd(), kWatched);
  blocked_ = false;
}

void StreamBuffer::onEvents(std::uint32_t events) {
  // A reader that has ended its own side is taken for gone: behind a port-forward that is all that
  // is ever seen of one who left.
  const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (ended || ((events & EPOLLIN) != 0 && socket_->peerGone())) {
    lose();
  } else if ((events & EPOLLOUT) != 0) {
    write();
  } else {
    return;
  }
  onProgress_();
}

void StreamBuffer::lose() {
  stopWatching();
  lastWritten_ = queue_.consumed();
  gone_ = true;
  queue_.clear();
}

void StreamBuffer::trim() {
  if (queue_.empty()) queue_.trim();
}

void StreamBuffer::close() {
  if (!watched_) return;
  stopWatching();
  // Unread bytes of the peer would turn the orderly end into a reset.
  if (!socket_->peerGone()) socket_->close();
}

void StreamBuffer::stopWatching() {
  if (watched_) loop_.remove(socket_->fd());
  watched_ = false;
}

}  // namespace dormouse::sink
