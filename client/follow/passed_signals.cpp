#include "client/follow/passed_signals.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace dormouse::follow {
namespace {

constexpr std::array<int, 12> kTaken = {SIGHUP,  SIGINT,   SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                                        SIGALRM, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD};

sigset_t takenSet() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kTaken) sigaddset(&set, number);
  return set;
}

bool ends(int number) {
  return number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM;
}

}  // namespace

bool isToBePassed(int number, int code, pid_t sender, pid_t program) {
  if (number == SIGCHLD) return true;
  return code <= 0 && sender != program;  // Above 0 the kernel sent it: the terminal.
}

PassedSignals::PassedSignals(EventLoop& loop, pid_t program, std::function<void(int)> pass)
    : loop_(loop), program_(program), pass_(std::move(pass)) {
  ::signal(SIGCHLD,
           SIG_DFL);  // Whoever started us may have left it ignored: no child could be waited for.
  const sigset_t set = takenSet();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  loop_.add(fd_, EPOLLIN, *this);
}

PassedSignals::~PassedSignals() {
  release();
}

void PassedSignals::release() {
  if (fd_ < 0) return;
  loop_.remove(fd_);
  // What came for the program and was not read yet is over with it.
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
  }
  ::close(std::exchange(fd_, -1));
  const sigset_t set = takenSet();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void PassedSignals::onEvents(std::uint32_t) {
  signalfd_siginfo info{};
  while (fd_ >= 0 && ::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int number = static_cast<int>(info.ssi_signo);
    ended_ = ended_ || ends(number);
    if (isToBePassed(number, info.ssi_code, static_cast<pid_t>(info.ssi_pid), program_)) {
      pass_(number);
    }
  }
}

}  // namespace dormouse::follow
