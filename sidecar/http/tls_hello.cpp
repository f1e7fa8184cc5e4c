#include "http/tls_hello.h"

#include <algorithm>

namespace dormouse::http {
namespace {

constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
// RFC 8446, 5.1: a plaintext record holds at most 2^14 bytes.
constexpr unsigned kMaxRecord = 1U << 14U;

/// Whether the first `count` of these bytes may begin a ClientHello.
bool plausible(const std::array<std::uint8_t, 6>& bytes, std::size_t count) {
  if (count > 0 && bytes[0] != kHandshake) return false;
  if (count > 1 && bytes[1] != 3) return false;
  if (count > 2 && bytes[2] > 4) return false;
  if (count > 4) {
    const unsigned length = static_cast<unsigned>(bytes[3]) << 8U | bytes[4];
    if (length < 4 || length > kMaxRecord) return false;
  }
  return count <= 5 || bytes[5] == kClientHello;
}

}  // namespace

TlsHello::Answer TlsHello::feed(std::span<const std::uint8_t> bytes) {
  // Looks at a copy: bytes that end up decided stay with the caller.
  std::array<std::uint8_t, kNeeded> seen = held_;
  const std::size_t taken = std::min(bytes.size(), kNeeded - count_);
  std::copy_n(bytes.begin(), taken, seen.begin() + static_cast<std::ptrdiff_t>(count_));
  const std::size_t count = count_ + taken;
  if (!plausible(seen, count)) return Answer::kOther;
  if (count == kNeeded) return Answer::kTls;
  held_ = seen;
  count_ = count;
  return Answer::kUndecided;
}

}  // namespace dormouse::http
