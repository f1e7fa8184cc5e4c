// The bytes of one HTTP/1 head, however they are cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "http/head_end.h"

namespace dormouse::http {

/// Finds the end of a head: its first empty line (RFC 9112, 2.1). Copies only what is cut between
/// two calls, at most `limit` bytes.
class HeadBytes {
 public:
  explicit HeadBytes(std::size_t limit) : limit_(limit) {}

  /// Takes from the front of `bytes` what belongs to the head. True once it is whole or has a
  /// fault(); then all() is the head, valid until the next call that is not const and as long as
  /// `bytes` is, and release() begins the next one. REQUIRES: it was not whole.
  bool take(std::span<const std::uint8_t>& bytes);

  /// What has come so far.
  std::span<const std::uint8_t> all() const;
  /// What is wrong, whatever the head says: a line that ends with a bare LF, one that is folded, or
  /// more than `limit` bytes. Null if nothing is.
  const char* fault() const {
    return end_.fault() == nullptr && tooLarge_ ? "the head is too large" : end_.fault();
  }
  bool empty() const { return held_.empty(); }
  /// Bytes of memory held.
  std::size_t held() const { return held_.capacity(); }
  void release();

 private:
  std::size_t limit_;
  std::string held_;
  std::span<const std::uint8_t> inPlace_;  // The head, if it came in one piece.
  HeadEnd end_;
  bool tooLarge_ = false;
};

}  // namespace dormouse::http
