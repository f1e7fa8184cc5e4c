// Work that may block, done on another thread.
#pragma once

#include <functional>

namespace dormouse {

/// Runs tasks one after another on a thread of its own. Any thread may post.
class Executor {
 public:
  virtual ~Executor() = default;
  /// The task must not throw. Tasks that have not begun when the executor ends are dropped.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace dormouse
