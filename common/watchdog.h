// Deadlines for work that blocks: who has not finished in time is called.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "common/clock.h"

namespace dormouse {

/// One thread that sleeps on a condition variable until the earliest deadline, and without any
/// wakeup while there is none. Any thread may call. It reads the machine's monotonic clock, since
/// what it guards are sockets that live in real time.
class Watchdog {
 public:
  /// Called at the deadline on the watchdog's thread; must be quick, must not throw and must not
  /// call the watchdog. Returns when to be called again; TimePoint::max(): never.
  using Task = std::function<TimePoint()>;
  using Id = std::uint64_t;

  Watchdog();
  /// Tasks that are still scheduled are dropped.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  static TimePoint now() { return std::chrono::steady_clock::now(); }

  Id schedule(TimePoint when, Task task);
  /// When it returns, the task neither runs nor will run. An id that is not scheduled is ignored.
  void cancel(Id id);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<TimePoint, Id>, Task> tasks_;  // Earliest first.
  std::map<Id, TimePoint> deadlines_;
  TimePoint sleepingUntil_ = TimePoint::max();
  Id lastId_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // The last member: it uses all the others.
};

/// A scheduled task that is cancelled with its scope.
class Deadline {
 public:
  Deadline(Watchdog& watchdog, TimePoint when, Watchdog::Task task)
      : watchdog_(watchdog), id_(watchdog.schedule(when, std::move(task))) {}
  ~Deadline() { watchdog_.cancel(id_); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  Watchdog& watchdog_;
  const Watchdog::Id id_;
};

}  // namespace dormouse
