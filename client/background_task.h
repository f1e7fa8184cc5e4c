// Something that blocks, done on a thread of its own while the loop goes on.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "common/event_loop.h"

namespace dormouse::client {

/// Starts at once; wakes the loop when it is done. What `work` writes may be read once done() is
/// true. The destructor waits for it: `work` should look at cancelled() where it waits long.
class BackgroundTask final : private EventHandler {
 public:
  /// `work` must not throw. `loop` must outlive this.
  BackgroundTask(EventLoop& loop, std::function<void(const BackgroundTask&)> work);
  ~BackgroundTask() override;
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;

  bool done() const { return done_; }
  void cancel() { cancelled_ = true; }
  /// Any thread may ask.
  bool cancelled() const { return cancelled_; }

 private:
  void onEvents(std::uint32_t) override;

  EventLoop& loop_;
  const int fd_;  // An eventfd: the work is done.
  std::atomic<bool> done_ = false;
  std::atomic<bool> cancelled_ = false;
  bool watched_ = true;
  std::thread thread_;
};

}  // namespace dormouse::client
