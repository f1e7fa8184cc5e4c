#include "common/event_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace dormouse {
namespace {

// Low 32 bits: the descriptor; high 32 bits: the registration's serial number.
std::uint64_t label(int fd, std::uint64_t serial) {
  return (serial << 32) | static_cast<std::uint32_t>(fd);
}

int timeoutMillis(TimePoint deadline, TimePoint now) {
  if (deadline == TimePoint::max()) return -1;
  if (deadline <= now) return 0;
  // Rounded up: waking before the deadline would only mean waiting again.
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
  return static_cast<int>(std::min<std::int64_t>(wait.count(), 3'600'000));
}

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

EventLoop::~EventLoop() {
  ::close(epoll_);
}

void EventLoop::add(int fd, std::uint32_t events, EventHandler& handler) {
  serial_ = (serial_ + 1) & 0xffffffff;
  epoll_event event{};
  event.events = events;
  event.data.u64 = label(fd, serial_);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl(ADD)");
  }
  watches_[fd] = Watch{&handler, serial_};
}

void EventLoop::change(int fd, std::uint32_t events) {
  const auto watch = watches_.find(fd);
  if (watch == watches_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = label(fd, watch->second.serial);
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl(MOD)");
  }
}

void EventLoop::remove(int fd) {
  if (watches_.erase(fd) != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

int EventLoop::poll(TimePoint deadline, const Clock& clock) {
  std::array<epoll_event, 64> events{};
  const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                               timeoutMillis(deadline, clock.now()));
  if (ready < 0) {
    if (errno == EINTR) return 0;
    throw std::system_error(errno, std::generic_category(), "epoll_wait");
  }
  int called = 0;
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto watch = watches_.find(static_cast<int>(event.data.u64 & 0xffffffff));
    // An earlier handler of this round may have removed it.
    if (watch == watches_.end() || watch->second.serial != event.data.u64 >> 32) continue;
    watch->second.handler->onEvents(event.events);
    ++called;
  }
  return called;
}

}  // namespace dormouse
