#include "agent/supervisor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace dormouse::agent {
namespace {

/// A supervisor in a child process, whose workers write their process ids into a pipe.
class SupervisorTest : public ::testing::Test {
 protected:
  void start(int exitCode = -1, unsigned mostDeaths = UINT_MAX) {
    ASSERT_EQ(pipe(pipe_.data()), 0);
    supervisor_ = fork();
    if (supervisor_ != 0) return;
    const SystemClock clock;
    const Log log(LogLevel::kError, clock, [](std::string_view) {});
    _exit(supervise([this, exitCode] { return work(exitCode); }, log, mostDeaths));
  }
  void TearDown() override {
    if (supervisor_ > 0) {
      kill(supervisor_, SIGKILL);
      waitpid(supervisor_, nullptr, 0);
    }
    for (const int fd : pipe_) close(fd);
  }

  /// The next worker's process id; blocks until there is one.
  pid_t nextWorker() {
    pid_t pid = 0;
    EXPECT_EQ(read(pipe_[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    return pid;
  }
  int awaitExit() {
    int status = 0;
    EXPECT_EQ(waitpid(supervisor_, &status, 0), supervisor_);
    supervisor_ = 0;
    return status;
  }

  pid_t supervisor_ = 0;

 private:
  int work(int exitCode) {
    // Not blocked here: a SIGTERM must find it blocked from the worker's first moment.
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    const pid_t self = getpid();
    if (write(pipe_[1], &self, sizeof self) != static_cast<ssize_t>(sizeof self)) return 9;
    if (exitCode >= 0) return exitCode;
    int signal = 0;
    sigwait(&term, &signal);
    // Obeys the first SIGTERM; a test that wants a stubborn one stops it.
    return 7;
  }

  std::array<int, 2> pipe_{};
};

TEST_F(SupervisorTest, AKilledWorkerIsReplaced) {
  start();
  const pid_t first = nextWorker();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const pid_t second = nextWorker();
  EXPECT_NE(first, second);
  ASSERT_EQ(kill(supervisor_, SIGTERM), 0);
  const int status = awaitExit();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);  // The worker's own code.
}

TEST_F(SupervisorTest, AWorkerThatEndsByItselfIsReplacedToo) {
  start(0);
  const pid_t first = nextWorker();
  EXPECT_NE(first, nextWorker());
}

TEST_F(SupervisorTest, ABadStartIsFinal) {
  start(kBadStart);
  nextWorker();
  const int status = awaitExit();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kBadStart);
}

TEST_F(SupervisorTest, AWorkerThatHasFinishedIsNotReplaced) {
  start(kFinished);
  nextWorker();
  const int status = awaitExit();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SupervisorTest, DeathsMayBeCounted) {
  start(0, 3);
  for (int i = 0; i < 3; ++i) nextWorker();
  const int status = awaitExit();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(SupervisorTest, ASecondSignalKillsAWorkerThatDoesNotObey) {
  start();
  const pid_t worker = nextWorker();
  ASSERT_EQ(kill(worker, SIGSTOP), 0);  // It cannot obey.
  // Signals of one kind do not queue: the second is another kind.
  ASSERT_EQ(kill(supervisor_, SIGTERM), 0);
  ASSERT_EQ(kill(supervisor_, SIGINT), 0);
  const int status = awaitExit();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGKILL);
}

}  // namespace
}  // namespace dormouse::agent
