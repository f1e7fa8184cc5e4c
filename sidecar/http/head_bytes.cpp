#include "http/head_bytes.h"

namespace dormouse::http {

bool HeadBytes::take(std::span<const std::uint8_t>& bytes) {
  const std::size_t end = end_.find(bytes);
  const auto part = end == 0 ? bytes : bytes.first(end);
  bytes = bytes.subspan(part.size());
  tooLarge_ = held_.size() + part.size() > limit_;
  if (fault() != nullptr) return true;
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

void HeadBytes::release() {
  held_ = {};
  inPlace_ = {};
  end_ = {};
  tooLarge_ = false;
}

}  // namespace dormouse::http
