// Runs the tests in a user and network namespace of their own, where CAP_NET_RAW is to be had
// without being root and no packet leaves the program.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

void require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(2);
}

void writeFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  require(fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
          path);
  close(fd);
}

void enterNamespaces() {
  const std::string uid = std::to_string(getuid());
  const std::string gid = std::to_string(getgid());
  require(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0, "unshare a user and a network namespace");
  writeFile("/proc/self/setgroups", "deny");
  writeFile("/proc/self/uid_map", "0 " + uid + " 1");
  writeFile("/proc/self/gid_map", "0 " + gid + " 1");
}

void bringLoopbackUp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require(fd >= 0, "socket");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  require(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "bring lo up");
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // CTest asks for the list when it builds; that needs no namespace.
  if (!GTEST_FLAG_GET(list_tests)) {
    enterNamespaces();
    bringLoopbackUp();
  }
  return RUN_ALL_TESTS();
}
