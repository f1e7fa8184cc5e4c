// One epoll instance: who waits on which descriptor.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "common/clock.h"

namespace dormouse {

/// Told when its descriptor is ready, on the loop's thread. May add, change and remove any
/// descriptor of the loop, its own included.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as epoll_ctl(2) says.
  virtual void onEvents(std::uint32_t events) = 0;
};

/// Level-triggered. Owns the epoll descriptor, none of the others. One thread only.
class EventLoop {
 public:
  EventLoop();  // Throws std::system_error.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// REQUIRES: fd is not in the loop; handler outlives remove(fd). Throws std::system_error.
  void add(int fd, std::uint32_t events, EventHandler& handler);
  void change(int fd, std::uint32_t events);
  /// No event of this descriptor is delivered afterwards. Call it before closing the descriptor.
  void remove(int fd);

  /// Waits until something is ready or `deadline` has come (TimePoint::max(): without end) and
  /// calls the handlers. Returns how many were called.
  int poll(TimePoint deadline, const Clock& clock);

  /// Readable while poll() would call a handler: for whoever waits on other things as well. Owned
  /// by this.
  int fd() const { return epoll_; }

 private:
  struct Watch {
    EventHandler* handler;
    std::uint64_t serial;  // Tells a descriptor number that was closed and given out anew apart.
  };
  int epoll_;
  std::uint64_t serial_ = 0;
  std::unordered_map<int, Watch> watches_;
};

}  // namespace dormouse
