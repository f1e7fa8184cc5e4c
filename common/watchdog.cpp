#include "common/watchdog.h"

namespace dormouse {

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Watchdog::Id Watchdog::schedule(TimePoint when, Task task) {
  const std::lock_guard lock(mutex_);
  const Id id = ++lastId_;
  tasks_.emplace(std::pair(when, id), std::move(task));
  deadlines_.emplace(id, when);
  // A later deadline than the one slept for is found when the thread wakes anyway.
  if (when < sleepingUntil_) changed_.notify_one();
  return id;
}

void Watchdog::cancel(Id id) {
  const std::lock_guard lock(mutex_);
  const auto found = deadlines_.find(id);
  if (found == deadlines_.end()) return;
  tasks_.erase(std::pair(found->second, id));
  deadlines_.erase(found);
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (tasks_.empty()) {
      sleepingUntil_ = TimePoint::max();
      changed_.wait(lock);
      continue;
    }
    const auto [when, id] = tasks_.begin()->first;
    if (when > now()) {
      sleepingUntil_ = when;
      changed_.wait_until(lock, when);
      continue;
    }
    // The task runs under the lock: that is what makes cancel() wait for it.
    const TimePoint next = tasks_.begin()->second();
    auto node = tasks_.extract(tasks_.begin());
    if (next == TimePoint::max()) {
      deadlines_.erase(id);
    } else {
      node.key().first = next;
      deadlines_[id] = next;
      tasks_.insert(std::move(node));
    }
  }
}

}  // namespace dormouse
