// Arithmetic of TCP sequence numbers, which count modulo 2^32 (RFC 9293, 3.4).
#pragma once

#include <cstdint>

namespace dormouse::reassembly {

/// No sender may be further ahead of what has arrived: the largest window is 2^30 (RFC 7323, 2.3).
inline constexpr std::int32_t kMaxAhead = 1 << 30;

/// How far `a` lies ahead of `b`; negative if it lies behind. Right as long as the true distance is
/// below 2^31.
constexpr std::int32_t seqDiff(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

/// Whether two numbers may belong to the same window.
constexpr bool seqNear(std::uint32_t a, std::uint32_t b) {
  const std::int32_t distance = seqDiff(a, b);
  return distance <= kMaxAhead && distance >= -kMaxAhead;
}

/// Orders numbers that all lie within 2^31 of each other.
struct SeqLess {
  constexpr bool operator()(std::uint32_t a, std::uint32_t b) const { return seqDiff(a, b) < 0; }
};

}  // namespace dormouse::reassembly
