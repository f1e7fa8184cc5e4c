#include "enter/entry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "child.h"
#include "enter/enter_error.h"
#include "fake_proc.h"

namespace dormouse::enter {
namespace {

const std::string kId(64, 'a');
const std::string kUid = "8c1f2e4a-6d1b-4e0e-9d5e-1f2a3b4c5d6e";

ino_t networkOf(const std::string& process) {
  struct stat found{};
  EXPECT_EQ(stat(("/proc/" + process + "/ns/net").c_str(), &found), 0);
  return found.st_ino;
}

/// A process in a network namespace of its own, of which a made-up /proc says that it is the first
/// of the container kId of the pod shop/web-0.
class Entry : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = whyNoEntry(); !reason.empty()) GTEST_SKIP() << reason;
    startTarget();
    const std::string self = std::to_string(target_);
    proc_.add(target_, "/kubepods/burstable/pod" + kUid + "/" + kId, 500);
    write(self + "/mountinfo", "612 590 8:1 /var/lib/kubelet/pods/" + kUid +
                                   "/etc-hosts /etc/hosts rw - ext4 /dev/sda rw\n");
    link("/proc/" + self + "/ns", self + "/ns");
    // The node: its first process, and the kubelet's directory below its root.
    std::filesystem::create_directories(proc_.root() + "/node/srv/pods/shop_web-0_" + kUid);
    std::filesystem::create_directories(proc_.root() + "/node/var/log");
    // As on nodes whose logs lie on another disk: absolute, and right only below the node's root.
    std::filesystem::create_symlink("/srv/pods", proc_.root() + "/node/var/log/pods");
    std::filesystem::create_directories(proc_.root() + "/1");
    link(proc_.root() + "/node", "1/root");
    link("/proc/self/ns", "1/ns");
  }
  void TearDown() override {
    if (target_ <= 0) return;
    kill(target_, SIGKILL);
    waitpid(target_, nullptr, 0);
  }

  void write(const std::string& file, const std::string& text) const {
    std::ofstream(proc_.root() + "/" + file) << text;
  }
  void link(const std::string& to, const std::string& from) const {
    std::filesystem::create_directory_symlink(to, proc_.root() + "/" + from);
  }
  /// What enterPod() says against it; empty if it enters, and `then` finds nothing amiss.
  std::string enter(const std::function<std::string(const Descriptor&)>& then =
                        [](const Descriptor&) { return ""; }) const {
    return inChild([&] {
      return then(enterPod(PodTarget::parse("shop/web-0", kUid, kId, "/var/log/pods"),
                           ProcessTable(proc_.root())));
    });
  }

  FakeProc proc_;
  pid_t target_ = 0;

 private:
  void startTarget() {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    target_ = fork();
    if (target_ == 0) {
      const char done = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      if (::write(ready[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char done = 'n';
    ASSERT_EQ(read(ready[0], &done, 1), 1);
    ASSERT_EQ(done, 'y');
    close(ready[0]);
    close(ready[1]);
  }
};

TEST_F(Entry, TheNamespaceIsTheTargetsAndTheRightsAreGone) {
  const ino_t theirs = networkOf(std::to_string(target_));
  ASSERT_NE(theirs, networkOf("self"));
  EXPECT_EQ(enter([&](const Descriptor& held) -> std::string {
              // Without rights, /proc/self/ns belongs to root: look at what the kernel lists.
              struct stat mine{};
              if (getuid() != kAgentUser) return "another user";
              if (stat("/proc/thread-self/ns/net", &mine) != 0 || mine.st_ino != theirs) {
                return "another namespace";
              }
              pollfd watched{held.get(), POLLIN, 0};
              return poll(&watched, 1, 0) == 0 ? "" : "the target is said to have ended";
            }),
            "");
}

TEST_F(Entry, TheTargetsEndIsSeen) {
  // inChild() forks before it waits: the target dies while the child holds its pidfd.
  int entered[2];
  ASSERT_EQ(pipe(entered), 0);
  const pid_t killer = fork();
  if (killer == 0) {
    close(entered[1]);  // Should nobody enter, this must not wait for ever.
    char byte = 0;
    _exit(read(entered[0], &byte, 1) == 1 && kill(target_, SIGKILL) == 0 ? 0 : 1);
  }
  EXPECT_EQ(enter([&](const Descriptor& held) -> std::string {
              if (::write(entered[1], "x", 1) != 1) return "no pipe";
              pollfd watched{held.get(), POLLIN, 0};
              return poll(&watched, 1, 20000) == 1 ? "" : "the end was not seen";
            }),
            "");
  close(entered[1]);
  int status = 1;
  EXPECT_EQ(waitpid(killer, &status, 0), killer);
  EXPECT_EQ(status, 0);
  close(entered[0]);
}

TEST_F(Entry, AnotherPodsContainerIsRefused) {
  const std::string self = std::to_string(target_);
  write(self + "/mountinfo",
        "1 2 8:1 /pods/00000000-6d1b-4e0e-9d5e-1f2a3b4c5d6e/etc-hosts /etc/hosts rw - ext4 a rw\n");
  EXPECT_EQ(enter(), "threw: the container " + kId + " is not of the pod with the uid " + kUid);
}

TEST_F(Entry, APodOfAnotherNameIsRefused) {
  std::filesystem::rename(proc_.root() + "/node/srv/pods/shop_web-0_" + kUid,
                          proc_.root() + "/node/srv/pods/vault_web-0_" + kUid);
  EXPECT_EQ(enter(), "threw: this node has no pod shop/web-0 with the uid " + kUid);
}

TEST_F(Entry, ANodeWithItsLogsElsewhereIsNamed) {
  std::filesystem::remove(proc_.root() + "/node/var/log/pods");
  EXPECT_EQ(
      enter(),
      "threw: the node's /var/log/pods, where its kubelet names the pods, cannot be opened: No "
      "such file or directory");
}

TEST_F(Entry, TheNodesOwnNamespaceIsRefused) {
  std::filesystem::remove(proc_.root() + "/1/ns");
  link("/proc/" + std::to_string(target_) + "/ns", "1/ns");
  EXPECT_NE(enter().find("shop/web-0 has no network namespace of its own (hostNetwork)"),
            std::string::npos);
}

TEST_F(Entry, AContainerThatIsNotThereIsNamed) {
  proc_.add(target_, "/kubepods/burstable/pod" + kUid + "/" + std::string(64, 'b'), 500);
  EXPECT_EQ(enter(), "threw: no process of the container " + kId +
                         " runs on this node: it has ended, or it runs on another node");
}

// /proc names a process that has ended meanwhile, and whose number nobody has yet.
TEST_F(Entry, AProcessThatHasEndedIsNotEntered) {
  kill(target_, SIGKILL);
  ASSERT_EQ(waitpid(target_, nullptr, 0), target_);
  target_ = 0;
  EXPECT_NE(enter().find("no process of the container"), std::string::npos);
}

// It ends after it was found, but is not reaped: a pidfd can be had still.
TEST_F(Entry, AProcessThatIsEndingIsNotEntered) {
  kill(target_, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(target_), &info, WEXITED | WNOWAIT), 0);
  EXPECT_NE(enter().find("no process of the container"), std::string::npos);
}

}  // namespace
}  // namespace dormouse::enter
