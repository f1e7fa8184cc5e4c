#include "injector/periodic.h"

#include <algorithm>

namespace dormouse::injector {

Nanos pauseAfter(int failures, Nanos interval) {
  if (failures == 0) return interval;
  const Nanos pause = std::chrono::seconds(1) * (1 << std::min(failures - 1, 20));
  return std::min(pause, interval);
}

Periodic::Periodic(Nanos interval, std::function<bool()> step)
    : interval_(interval), step_(std::move(step)), thread_([this] { run(); }) {}

Periodic::~Periodic() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Periodic::run() {
  int failures = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    failures = step_() ? 0 : failures + 1;
    lock.lock();
    changed_.wait_for(lock, pauseAfter(failures, interval_), [this] { return stopping_; });
  }
}

}  // namespace dormouse::injector
