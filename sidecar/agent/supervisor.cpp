#include "agent/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>

namespace dormouse::agent {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Two workers begin at least this far apart, so that one that dies at once does not cost a core.
constexpr std::chrono::milliseconds kRestartPause{100};

/// Blocks the signals of interest; restores the former mask when it ends.
class SignalMask {
 public:
  SignalMask() {
    sigemptyset(&watched_);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&watched_, signal);
    sigprocmask(SIG_BLOCK, &watched_, &former_);
  }
  ~SignalMask() { sigprocmask(SIG_SETMASK, &former_, nullptr); }
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

  /// For the worker, which waits for SIGTERM and SIGINT itself: one that comes before it does must
  /// not kill it, which would look like a failed end.
  void leaveToWorker() const {
    sigset_t mask = former_;
    for (const int signal : {SIGTERM, SIGINT}) sigaddset(&mask, signal);
    sigprocmask(SIG_SETMASK, &mask, nullptr);
  }
  /// The next signal, or 0 after the time-out. No time-out: waits without end.
  int wait(const timespec* timeout) const {
    const int signal = timeout != nullptr ? sigtimedwait(&watched_, nullptr, timeout)
                                          : sigwaitinfo(&watched_, nullptr);
    return signal < 0 ? 0 : signal;
  }

 private:
  sigset_t watched_{};
  sigset_t former_{};
};

pid_t startWorker(const std::function<int()>& worker, const SignalMask& signals) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  signals.leaveToWorker();
  // A worker without its supervisor would hold the port for nobody.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kBadStart);
  _exit(worker());
}

/// Reaps every child that has ended; true, and its status, if the worker is among them.
bool reap(pid_t worker, int& status) {
  bool ended = false;
  for (;;) {
    int childStatus = 0;
    const pid_t child = waitpid(-1, &childStatus, WNOHANG);
    if (child <= 0) return ended;
    if (child == worker) {
      status = childStatus;
      ended = true;
    }
  }
}

int exitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string describeEnd(int status) {
  return WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                           : "signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

int supervise(const std::function<int()>& worker, const Log& log, unsigned mostDeaths) {
  const SignalMask signals;
  int stopRequests = 0;
  unsigned deaths = 0;
  for (;;) {
    const auto begun = SteadyClock::now();
    const pid_t child = startWorker(worker, signals);
    if (child < 0) {
      log.error("cannot fork a worker", {{"errno", std::to_string(errno)}});
      return 1;
    }
    int status = 0;
    for (bool ended = false; !ended;) {
      switch (signals.wait(nullptr)) {
        case SIGTERM:
        case SIGINT:
          kill(child, ++stopRequests == 1 ? SIGTERM : SIGKILL);
          break;
        case SIGCHLD:
          ended = reap(child, status);
          break;
        default:
          break;
      }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == kFinished) return 0;
    if (stopRequests > 0 || (WIFEXITED(status) && WEXITSTATUS(status) == kBadStart)) {
      return exitCode(status);
    }
    if (++deaths >= mostDeaths) {
      log.error("the worker ended again; no other one is started",
                {{"ended", describeEnd(status)}});
      return 1;
    }
    log.warn("the worker ended; starting a fresh one, asleep", {{"ended", describeEnd(status)}});
    const auto lived = SteadyClock::now() - begun;
    if (lived < kRestartPause) {
      const timespec pause{0, std::chrono::nanoseconds(kRestartPause - lived).count()};
      const int signal = signals.wait(&pause);
      if (signal == SIGTERM || signal == SIGINT) return 0;
    }
  }
}

}  // namespace dormouse::agent
