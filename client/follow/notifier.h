// Listens to the kernel's notices of one program's calls, and lets each call go on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "client/follow/notice.h"
#include "common/event_loop.h"

namespace dormouse::follow {

/// Told on the loop's thread. The call has not happened yet.
class NoticeListener {
 public:
  virtual ~NoticeListener() = default;
  /// `inode`: of the caller's socket; 0: we may not look at the caller, or it is no socket.
  virtual void onNotice(const Notice& notice, std::uint64_t inode) = 0;
};

/// The caller waits until its call was let go on, which happens before the listener is told. No
/// descriptor of the program is opened. If this process ends, however it does, those that are told
/// of would get ENOSYS for every call: a process of its own, without terminal and files, then lets
/// their calls go on, and ends with the last of them. One thread only.
class Notifier final : private EventHandler {
 public:
  /// Takes `fd`, of loadListenFilter(). The others must outlive this. Forks, so that no other
  /// thread may run. Throws std::system_error.
  Notifier(int fd, std::vector<CallNumbers> numbers, EventLoop& loop, NoticeListener& listener);
  ~Notifier() override;
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Whether a process lives whose calls are told of.
  bool anybodyLeft() const;

 private:
  void onEvents(std::uint32_t events) override;
  bool receive();
  void letGoOn();
  void forkSuccessor();
  [[noreturn]] void succeed(int lifeline);

  const int fd_;
  const std::vector<CallNumbers> numbers_;
  EventLoop& loop_;
  NoticeListener& listener_;
  // struct seccomp_notif and seccomp_notif_resp, as large as this kernel wants them.
  std::vector<std::uint64_t> request_;
  std::vector<std::uint64_t> response_;
  int lifeline_ = -1;  // Its other end is read by the process that comes after us.
  bool watched_ = true;
};

}  // namespace dormouse::follow
