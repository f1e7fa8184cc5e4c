#include "client/stream_reader.h"

#include <sys/epoll.h>

namespace dormouse::client {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
constexpr int kReadsPerRound = 8;

}  // namespace

StreamReader::StreamReader(const Poco::Net::StreamSocket& socket, EventLoop& loop,
                           wire::FrameHandler& handler)
    : source_(socket), loop_(loop), decoder_(handler), buffer_(kBufferBytes) {
  loop_.add(source_.fd(), EPOLLIN, *this);
}

StreamReader::~StreamReader() {
  if (!ended_) loop_.remove(source_.fd());
}

void StreamReader::feed(std::span<const std::uint8_t> early) {
  try {
    decoder_.feed(early);
    more_ = true;  // Under TLS more may lie decrypted already.
  } catch (const wire::FrameError& error) {
    end(error.what());
  }
}

bool StreamReader::readOn() {
  if (more_) onEvents(EPOLLIN);
  return more_;
}

void StreamReader::onEvents(std::uint32_t) {
  more_ = false;
  for (int i = 0; i < kReadsPerRound && !ended_; ++i) {
    std::size_t count = 0;
    switch (source_.read(buffer_, count)) {
      case StreamSource::Result::kRead:
        received_ += count;
        try {
          decoder_.feed(std::span<const std::uint8_t>(buffer_).first(count));
        } catch (const wire::FrameError& error) {
          return end(error.what());
        }
        break;
      case StreamSource::Result::kWouldBlock:
        return;
      case StreamSource::Result::kEnded:
        return end(decoder_.atBoundary() ? "" : "it ends within a record");
      case StreamSource::Result::kBroken:
        return end(source_.error());
    }
  }
  more_ = !ended_;
}

void StreamReader::end(std::string error) {
  loop_.remove(source_.fd());
  more_ = false;
  ended_ = true;
  error_ = std::move(error);
}

}  // namespace dormouse::client
