// An executor with one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "common/executor.h"

namespace dormouse {

/// Starts its thread with the first task and keeps it; an idle one never wakes up. The destructor
/// waits for the task in hand and drops the rest.
class WorkerThread final : public Executor {
 public:
  WorkerThread() = default;
  ~WorkerThread() override;
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  void post(std::function<void()> task) override;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace dormouse
