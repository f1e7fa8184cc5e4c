// A bounded queue between threads.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace dormouse {

/// Many may push, one drains. Full is a return value, not a wait: the caller decides what that
/// means.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False, and the item is left untouched, if the queue is full.
  bool push(T&& item) {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    return true;
  }

  /// Everything that is in the queue, oldest first.
  std::vector<T> drain() {
    const std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::vector<T> items_;
};

}  // namespace dormouse
