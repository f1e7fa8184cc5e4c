// A tree of processes and their sockets: a real one, and one out of files.
#include "client/follow/process_tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>

#include "tests/follow/sockets.h"
#include "tests/support/temp_dir.h"

namespace dormouse::follow {
namespace {

TEST(SocketInode, IsKnownOfSocketsAlone) {
  const RealSocket socket(Protocol::kTcp);
  EXPECT_EQ(socketInode(::getpid(), socket.fd()), socket.inode());
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(socketInode(::getpid(), file), 0U);
  ::close(file);
  EXPECT_EQ(socketInode(::getpid(), 9999), 0U);
}

TEST(ProcessTree, KnowsTheSocketsOfAllThatTheProgramStarted) {
  RealSocket inherited(Protocol::kTcp);
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {  // The grandchild alone holds it still.
      char byte = 1;
      [[maybe_unused]] const ssize_t n = ::write(ready[1], &byte, 1);
      ::pause();
      ::_exit(0);
    }
    inherited.close();
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ProcessTree tree(child);
  EXPECT_THAT(tree.sockets(), testing::Contains(inherited.inode()));
  EXPECT_EQ(ProcessTree(1 << 30).sockets().size(), 0U);
  // An orphan that has been seen is known still.
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(tree.sockets(), testing::Contains(inherited.inode()));
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid != ::getpid() && socketInode(pid, inherited.fd()) == inherited.inode()) {
      ::kill(pid, SIGKILL);
    }
  }
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(ProcessTree, ReadsNamesThatLookLikeSomethingElse) {
  const test::TempDir proc;
  const std::string rest = " 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ";
  proc.write("10/stat", "10 (a) S) S 1" + rest + "500\n");
  proc.write("11/stat", "11 (x) (y) S 10" + rest + "501\n");
  proc.write("12/stat", "12 no brackets\n");
  proc.write("13/stat", "13 (cut) S 10 1\n");
  proc.write("14x/stat", "");
  proc.write("11/fd/0", "no socket");
  const std::string path = proc.string() + "/11/fd/3";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_THAT(ProcessTree(10, proc.string()).sockets(), testing::ElementsAre(status.st_ino));
  ::close(fd);
}

}  // namespace
}  // namespace dormouse::follow
