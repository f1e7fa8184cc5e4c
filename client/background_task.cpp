#include "client/background_task.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace dormouse::client {

BackgroundTask::BackgroundTask(EventLoop& loop, std::function<void(const BackgroundTask&)> work)
    : loop_(loop), fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  loop_.add(fd_, EPOLLIN, *this);
  thread_ = std::thread([this, work = std::move(work)] {
    work(*this);
    done_ = true;
    ::eventfd_write(fd_, 1);
  });
}

BackgroundTask::~BackgroundTask() {
  cancel();
  thread_.join();
  if (watched_) loop_.remove(fd_);
  ::close(fd_);
}

// The loop is awake now, which is all that was wanted.
void BackgroundTask::onEvents(std::uint32_t) {
  watched_ = false;
  loop_.remove(fd_);
}

}  // namespace dormouse::client
