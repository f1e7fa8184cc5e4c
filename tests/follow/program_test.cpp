// A real program, and what the kernel tells of it.
#include "client/follow/program.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "client/follow/listen_filter.h"
#include "client/follow/notifier.h"
#include "client/follow/passed_signals.h"
#include "client/follow/ports.h"
#include "client/follow/socket_lists.h"
#include "tests/support/temp_dir.h"

namespace dormouse::follow {
namespace {

using Words = std::vector<std::string>;

/// Follows one program until it ends.
class Followed final : private NoticeListener {
 public:
  explicit Followed(Words command, bool filtered = true)
      : command_(std::move(command)),
        filter_(filtered ? makeListenFilter() : ListenFilter{}),
        program_(command_, filter_.program) {}

  void start() {
    started_ = program_.start();
    NoticeListener& self = *this;
    if (started_.notices >= 0) {
      notifier_ = std::make_unique<Notifier>(started_.notices, filter_.numbers, loop_, self);
    }
  }
  /// Its status; -1 if it runs for 20 s.
  int run() {
    start();
    const TimePoint end = clock_.now() + std::chrono::seconds(20);
    while (clock_.now() < end) {
      loop_.poll(clock_.now() + std::chrono::milliseconds(5), clock_);
      for (const auto& change : ports_.update(lists_.read())) {
        if (change.kind == PortChange::Kind::kOpened) opened_.push_back(change.local);
      }
      if (const auto status = program_.tend()) return *status;
    }
    return -1;
  }
  Program& program() { return program_; }
  const Program::Started& started() const { return started_; }
  const std::vector<LocalPort>& opened() const { return opened_; }

 private:
  void onNotice(const Notice& notice, std::uint64_t inode) override {
    if (notice.kind == Notice::Kind::kListen) ports_.noteListen(inode, clock_.now());
    if (notice.kind == Notice::Kind::kBind) ports_.noteBind(inode, notice.port, clock_.now());
  }

  static PortMap zero() {
    PortMap map;
    map.add("0:1");
    return map;
  }

  const Words command_;
  const ListenFilter filter_;
  SystemClock clock_;
  EventLoop loop_;
  SocketLists lists_;
  Ports ports_{zero(), true, true};
  Program program_;
  Program::Started started_;
  std::unique_ptr<Notifier> notifier_;
  std::vector<LocalPort> opened_;
};

std::string contentOf(const std::filesystem::path& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ListenFilter, WantsAKernelThatLetsCallsGoOn) {
  EXPECT_TRUE(kernelCanFollow("5.9.0"));
  EXPECT_TRUE(kernelCanFollow("6.1.0-18-amd64"));
  EXPECT_FALSE(kernelCanFollow("5.8.18"));
  EXPECT_FALSE(kernelCanFollow("4.18.0-553.el8.x86_64"));
  EXPECT_FALSE(kernelCanFollow("plan9"));
}

TEST(Program, ItsExitCodeAndItsSignalAreTold) {
  const int code = Followed({"sh", "-c", "exit 7"}).run();
  EXPECT_EQ(WEXITSTATUS(code), 7);
  const int killed = Followed({"sh", "-c", "kill -KILL $$"}).run();
  ASSERT_TRUE(WIFSIGNALED(killed));
  EXPECT_EQ(WTERMSIG(killed), SIGKILL);
}

TEST(Program, SaysWhyItCannotStart) {
  const test::TempDir directory;
  directory.write("text", "no program");
  for (const auto& [word, code] : {std::pair<std::string, int>{"/no/such/program", 127},
                                   {"no-such-program-anywhere", 127},
                                   {directory.string(), 126},
                                   {directory.string() + "/text", 126}}) {
    Followed followed({word});
    try {
      followed.start();
      FAIL() << word;
    } catch (const StartError& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(word));
    }
  }
}

TEST(Program, OneThatIsNeverStartedEndsUnnoticed) {
  const test::TempDir directory;
  const std::string file = directory.string() + "/ran";
  {
    const Followed followed({"touch", file});
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Program, InheritsNothingOfWhatWeDoLater) {
  const test::TempDir directory;
  const std::string file = directory.string() + "/seen";
  const std::string script =
      "{ ls /proc/self/fd | wc -l; ulimit -n; grep -E 'SigBlk|SigIgn' /proc/self/status; } >" +
      file;
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  const std::string bare = contentOf(file);
  Followed followed({"sh", "-c", script});
  const int opened = ::open("/dev/null", O_RDONLY);  // Without O_CLOEXEC, as some libraries do.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &set, &before);
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(followed.run(), 0);
  std::signal(SIGPIPE, handler);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(opened);
  EXPECT_EQ(contentOf(file), bare);
}

TEST(Program, EachPortIsToldHoweverItsCallsWereMade) {
  Followed followed({"python3", "-c", R"(
import os, socket, time
sockets = []
for kind, family, address in ((socket.SOCK_STREAM, socket.AF_INET, "127.0.0.1"),
                              (socket.SOCK_STREAM, socket.AF_INET6, "::"),
                              (socket.SOCK_DGRAM, socket.AF_INET, "127.0.0.1")):
    probe = socket.socket(family, kind)
    probe.bind((address, 0))
    port = probe.getsockname()[1]
    probe.close()
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    if kind == socket.SOCK_STREAM:
        if family == socket.AF_INET and os.fork() == 0:
            s.listen()
            time.sleep(1)
            os._exit(0)
        elif family == socket.AF_INET6:
            s.listen()
    sockets.append(s)
free = socket.socket()
free.listen()
time.sleep(1)
)"});
  ASSERT_EQ(followed.run(), 0);
  ASSERT_GE(followed.started().notices, 0) << std::strerror(followed.started().filterError);
  EXPECT_EQ(followed.opened().size(), 4U);
}

TEST(Program, AFilterWithinAFilterIsRefusedAndTheProgramRunsAllTheSame) {
  // The outer program is this test again, whose own filter cannot be had.
  const pid_t child = ::fork();
  if (child == 0) {
    const ListenFilter filter = makeListenFilter();
    if (loadListenFilter(filter.program) < 0) ::_exit(1);
    Followed followed({"sh", "-c", "exit 9"});
    const int status = followed.run();
    ::_exit(followed.started().notices < 0 && followed.started().filterError == EBUSY &&
                    WEXITSTATUS(status) == 9
                ? 0
                : 2);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Program, GetsNoNewPrivileges) {
  const test::TempDir directory;
  const std::string file = directory.string() + "/status";
  EXPECT_EQ(Followed({"sh", "-c", "grep NoNewPrivs /proc/self/status >" + file}).run(), 0);
  EXPECT_EQ(contentOf(file), "NoNewPrivs:\t1\n");
  EXPECT_EQ(Followed({"sh", "-c", "grep NoNewPrivs /proc/self/status >" + file}, false).run(), 0);
  EXPECT_EQ(contentOf(file), "NoNewPrivs:\t0\n");
}

TEST(PassedSignals, TheTerminalsAndTheProgramsOwnAreNotPassedOn) {
  EXPECT_TRUE(isToBePassed(SIGTERM, SI_USER, 100, 200));
  EXPECT_TRUE(isToBePassed(SIGUSR1, SI_QUEUE, 100, 200));
  EXPECT_FALSE(isToBePassed(SIGTERM, SI_USER, 200, 200));
  EXPECT_FALSE(isToBePassed(SIGINT, SI_KERNEL, 0, 200));
  EXPECT_TRUE(isToBePassed(SIGCHLD, CLD_EXITED, 200, 200));
}

TEST(PassedSignals, AreTakenAndGivenBack) {
  EventLoop loop;
  const SystemClock clock;
  std::vector<int> passed;
  {
    PassedSignals signals(loop, 1, [&](int number) { passed.push_back(number); });
    ::kill(::getpid(), SIGUSR1);
    ::kill(::getpid(), SIGTERM);
    loop.poll(clock.now() + std::chrono::seconds(1), clock);
    EXPECT_THAT(passed, testing::UnorderedElementsAre(SIGUSR1, SIGTERM));
    EXPECT_TRUE(signals.ended());
  }
  sigset_t set;
  ::sigprocmask(SIG_SETMASK, nullptr, &set);
  EXPECT_EQ(sigismember(&set, SIGTERM), 0);
}

}  // namespace
}  // namespace dormouse::follow
