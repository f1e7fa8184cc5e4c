// At most so many requests a second.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/clock.h"

namespace dormouse::http {

/// A token bucket that holds one second's worth and is full at the beginning. Owned by a mirror,
/// one thread; has no clock of its own. Time that seems to run backwards stands still.
class RateCap {
 public:
  /// REQUIRES: perSecond from 1 to 1,000,000.
  explicit RateCap(std::uint32_t perSecond) : perSecond_(perSecond), level_(kOne * perSecond) {}

  /// Takes one token if there is one.
  bool take(TimePoint now) {
    if (now > filled_) {
      const std::int64_t full = kOne * perSecond_;
      // Beyond a second it is full whatever the product, which could overflow.
      const std::int64_t elapsed = std::min<std::int64_t>((now - filled_).count(), kOne);
      level_ = started_ ? std::min(full, level_ + elapsed * perSecond_) : full;
      filled_ = now;
      started_ = true;
    }
    if (level_ < kOne) return false;
    level_ -= kOne;
    return true;
  }

 private:
  static constexpr std::int64_t kOne = 1'000'000'000;  // One token; so a nanosecond brings `rate`.

  const std::int64_t perSecond_;
  std::int64_t level_;
  TimePoint filled_{};
  bool started_ = false;
};

}  // namespace dormouse::http
