// What a mirror's buffers may hold.
#pragma once

#include <cstddef>

namespace dormouse::mirror {

/// Bytes in queues, counted. One per mirror; data thread only.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}
  /// False, and nothing is taken, if it would not fit.
  bool take(std::size_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  /// REQUIRES: bytes were taken.
  void give(std::size_t bytes) { used_ -= bytes; }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace dormouse::mirror
