// Bytes on their way to a local program, and the cap that all of them share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace dormouse::client {

/// How many bytes all queues together hold. One thread only.
class BufferCap {
 public:
  explicit BufferCap(std::size_t limit) : limit_(limit) {}
  /// False, and nothing is taken, if that would exceed the limit.
  bool take(std::size_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void giveBack(std::size_t bytes) { used_ -= bytes; }
  std::size_t used() const { return used_; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

/// A FIFO of bytes in blocks, so that a long queue is never copied as a whole. Gives what it holds
/// back to its cap when it ends. One thread only.
class ByteQueue {
 public:
  explicit ByteQueue(BufferCap& cap) : cap_(cap) {}
  ~ByteQueue() { clear(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  /// False, and nothing is taken, if the cap is reached.
  bool push(std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) return true;
    if (!cap_.take(bytes.size())) return false;
    size_ += bytes.size();
    if (blocks_.empty() || blocks_.back().size() + bytes.size() > kBlockBytes) {
      blocks_.emplace_back();
    }
    blocks_.back().insert(blocks_.back().end(), bytes.begin(), bytes.end());
    return true;
  }
  /// The first bytes; valid until the next call that is not const. Empty if the queue is.
  std::span<const std::uint8_t> front() const {
    if (blocks_.empty()) return {};
    return std::span<const std::uint8_t>(blocks_.front()).subspan(offset_);
  }
  /// REQUIRES: bytes <= front().size().
  void pop(std::size_t bytes) {
    offset_ += bytes;
    size_ -= bytes;
    cap_.giveBack(bytes);
    if (!blocks_.empty() && offset_ == blocks_.front().size()) {
      blocks_.pop_front();
      offset_ = 0;
    }
  }
  void clear() {
    cap_.giveBack(size_);
    blocks_.clear();
    size_ = offset_ = 0;
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kBlockBytes = 64 << 10;
  BufferCap& cap_;
  std::deque<std::vector<std::uint8_t>> blocks_;
  std::size_t offset_ = 0;  // Into the first block.
  std::size_t size_ = 0;
};

}  // namespace dormouse::client
