#include "http/head_bytes.h"

#include <cstring>

namespace dormouse::http {

bool HeadBytes::take(std::span<const std::uint8_t>& bytes) {
  const std::size_t end = findEnd(bytes);
  const auto part = end == 0 ? bytes : bytes.first(end);
  bytes = bytes.subspan(part.size());
  if (held_.size() + part.size() > limit_ && fault_ == nullptr) fault_ = "the head is too large";
  if (fault_ != nullptr) return true;
  if (end != 0 && held_.empty()) {
    inPlace_ = part;
    return true;
  }
  held_.append(reinterpret_cast<const char*>(part.data()), part.size());
  return end != 0;
}

std::span<const std::uint8_t> HeadBytes::all() const {
  if (!inPlace_.empty()) return inPlace_;
  return {reinterpret_cast<const std::uint8_t*>(held_.data()), held_.size()};
}

std::size_t HeadBytes::findEnd(std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (lineLength_ == 0 && (bytes[at] == ' ' || bytes[at] == '\t')) fault_ = "a folded line";
    const void* const found = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    if (found == nullptr) {
      lineLength_ += bytes.size() - at;
      lastWasCr_ = bytes.back() == '\r';
      return 0;
    }
    const auto newline =
        static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    const bool cr = newline > at ? bytes[newline - 1] == '\r' : lastWasCr_;
    const std::size_t length = lineLength_ + (newline - at);
    lineLength_ = 0;
    lastWasCr_ = false;
    if (!cr) fault_ = "a line ends with a bare LF";
    if (length == (cr ? 1U : 0U)) return newline + 1;
    at = newline + 1;
  }
  return 0;
}

void HeadBytes::release() {
  held_ = {};
  inPlace_ = {};
  lastWasCr_ = false;
  lineLength_ = 0;
  fault_ = nullptr;
}

}  // namespace dormouse::http
