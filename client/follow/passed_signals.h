// Signals that are meant for the program.
#pragma once

#include <sys/types.h>

#include <functional>

#include "common/event_loop.h"

namespace dormouse::follow {

/// Takes the signals that end, stop or inform a program before they act on this process, and tells
/// of those to pass on. What the terminal sends (Ctrl-C, Ctrl-Z, a changed window) goes to the
/// whole process group, and has reached the program already; what the program itself sent is not
/// for it. Make it before any other thread. One thread only.
class PassedSignals final : private EventHandler {
 public:
  /// `pass`: called on the loop's thread with the number; SIGCHLD too, which is ours. Throws
  /// std::system_error. `loop` must outlive this.
  PassedSignals(EventLoop& loop, pid_t program, std::function<void(int)> pass);
  ~PassedSignals() override;
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;

  /// A signal that ends programs has come, from anybody, the terminal included. The program may
  /// have survived it.
  bool ended() const { return ended_; }
  /// From now on they act on this process again: the program has ended.
  void release();

 private:
  void onEvents(std::uint32_t) override;

  EventLoop& loop_;
  const pid_t program_;
  const std::function<void(int)> pass_;
  int fd_ = -1;
  bool ended_ = false;
};

/// Whether a signal is to be passed on. `code`: its si_code; `sender`: 0 if nobody's.
bool isToBePassed(int number, int code, pid_t sender, pid_t program);

}  // namespace dormouse::follow
