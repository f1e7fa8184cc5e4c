// Time as the rest of the program sees it: injected, so that tests advance it and never sleep.
#pragma once

#include <chrono>

namespace dormouse {

using Nanos = std::chrono::nanoseconds;
/// A point of monotonic time. Never a wall-clock time.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Nanos>;
/// A point of wall-clock time, for what people read: `started`, `expires`, packet timestamps.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;

/// Tells the time. Any thread may call it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wallNow() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wallNow() const override { return std::chrono::system_clock::now(); }
};

/// A clock that stands still until it is told to move. For tests; one thread only.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  WallTime wallNow() const override { return wall_; }
  void advance(Nanos by) {
    now_ += by;
    wall_ += by;
  }

 private:
  TimePoint now_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::hours(24 * 365 * 50)};
};

}  // namespace dormouse
