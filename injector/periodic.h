// Work that is repeated on a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/clock.h"

namespace dormouse::injector {

/// Runs a step, waits, and runs it again: after `interval` if it was good, otherwise after 1 s, 2
/// s, 4 s and so on up to the interval. Owned by whoever wires the program.
class Periodic {
 public:
  /// Runs the first step at once. `step` must not throw; everything it uses outlives the object.
  Periodic(Nanos interval, std::function<bool()> step);
  /// Waits for a step that runs.
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void run();

  const Nanos interval_;
  const std::function<bool()> step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;  // The last member: it uses all the others.
};

/// How long to wait after `failures` failed steps in a row (0: the last one was good).
Nanos pauseAfter(int failures, Nanos interval);

}  // namespace dormouse::injector
