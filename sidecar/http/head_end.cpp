#include "http/head_end.h"

#include <cstring>

namespace dormouse::http {

std::size_t HeadEnd::find(std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const bool folded = lineLength_ == 0 && (bytes[at] == ' ' || bytes[at] == '\t');
    if (folded && fault_ == nullptr) fault_ = "a folded header line";
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
    if (!cr && fault_ == nullptr) fault_ = "a line ends with a bare LF";
    if (length == (cr ? 1U : 0U)) return newline + 1;
    at = newline + 1;
  }
  return 0;
}

}  // namespace dormouse::http
