#include "client/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace dormouse::client {
namespace {

sigset_t endSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = endSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

Signals::~Signals() {
  release();
}

bool Signals::pending() const {
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, 0) > 0;
}

void Signals::release() {
  if (fd_ < 0) return;
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
  }
  ::close(fd_);
  fd_ = -1;
  const sigset_t set = endSignals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace dormouse::client
