#include "http/chunked_body.h"

#include <algorithm>
#include <string_view>

namespace dormouse::http {
namespace {

constexpr std::uint8_t kMaxDigits = 16;

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 9110, 5.6.2.
bool isTokenChar(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

bool isControl(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

ChunkedBody::Step ChunkedBody::next(std::span<const std::uint8_t> bytes) {
  if (state_ == State::kData) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size()));
    size_ -= length;
    if (size_ == 0) state_ = State::kDataCr;
    return {length, bytes.first(length)};
  }
  Step step;
  while (step.used < bytes.size() && state_ != State::kData && !done() && !broken()) {
    state_ = lines_ == maxLines_ ? State::kBroken : afterByte(static_cast<char>(bytes[step.used]));
    ++lines_;
    if (!broken()) ++step.used;
  }
  if (state_ == State::kData) lines_ = 0;
  return step;
}

ChunkedBody::State ChunkedBody::afterDigit(char c) {
  const int value = hexValue(c);
  if (value < 0 || digits_ == kMaxDigits) return State::kBroken;
  ++digits_;
  size_ = size_ << 4U | static_cast<unsigned>(value);
  return (size_ >> 63U) != 0 ? State::kBroken : State::kSize;
}

ChunkedBody::State ChunkedBody::afterByte(char c) {
  const auto expect = [c](char wanted, State next) { return c == wanted ? next : State::kBroken; };
  switch (state_) {
    case State::kFirstDigit:
      size_ = 0;
      digits_ = 0;
      return afterDigit(c);
    case State::kSize:
      if (c == '\r') return State::kSizeLf;
      // White space before the semicolon is an error that a recipient must take (7.1.1).
      if (c == ';' || c == ' ' || c == '\t') return State::kExtension;
      return afterDigit(c);
    case State::kExtension:
      if (c == '\r') return State::kSizeLf;
      return isControl(c) ? State::kBroken : State::kExtension;
    case State::kSizeLf:
      return expect('\n', size_ == 0 ? State::kTrailer : State::kData);
    case State::kDataCr:
      return expect('\r', State::kDataLf);
    case State::kDataLf:
      return expect('\n', State::kFirstDigit);
    case State::kTrailer:
      if (c == '\r') return State::kLastLf;
      return isTokenChar(c) ? State::kTrailerName : State::kBroken;
    case State::kTrailerName:
      if (c == ':') return State::kTrailerValue;
      return isTokenChar(c) ? State::kTrailerName : State::kBroken;
    case State::kTrailerValue:
      if (c == '\r') return State::kTrailerLf;
      return isControl(c) ? State::kBroken : State::kTrailerValue;
    case State::kTrailerLf:
      return expect('\n', State::kTrailer);
    case State::kLastLf:
      return expect('\n', State::kDone);
    case State::kData:
    case State::kDone:
    case State::kBroken:
      break;
  }
  return State::kBroken;
}

}  // namespace dormouse::http
