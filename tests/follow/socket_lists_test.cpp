// The kernel's own lists, by both ways.
#include "client/follow/socket_lists.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include "tests/follow/sockets.h"
#include "tests/support/temp_dir.h"

namespace dormouse::follow {
namespace {

std::optional<OpenSocket> find(const OpenSockets& sockets, std::uint64_t inode) {
  const auto found = std::find_if(sockets.begin(), sockets.end(),
                                  [&](const OpenSocket& socket) { return socket.inode == inode; });
  return found == sockets.end() ? std::nullopt : std::optional(*found);
}

TEST(SocketLists, KnowsListenersUntilTheyClose) {
  SocketLists lists;
  for (const bool v6 : {false, true}) {
    for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
      RealSocket socket(protocol, v6);
      const auto listed = find(lists.read(), socket.inode());
      ASSERT_TRUE(listed);
      EXPECT_EQ(listed->protocol, protocol);
      EXPECT_EQ(listed->v6, v6);
      EXPECT_EQ(textOf(destinationOf(*listed)), "127.0.0.1 " + std::to_string(socket.port()));
      socket.close();
      EXPECT_FALSE(find(lists.read(), socket.inode()));
    }
  }
}

TEST(SocketLists, KnowsWhoTakesIpv6Alone) {
  const RealSocket socket(Protocol::kTcp, true, true);
  const auto listed = find(SocketLists().read(), socket.inode());
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->v6Only);
  EXPECT_EQ(textOf(destinationOf(*listed)), "::1 " + std::to_string(socket.port()));
}

TEST(SocketLists, KnowsAListenerOfMultipathTcp) {
  const int fd =
      ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262);  // IPPROTO_MPTCP, Go's default.
  if (fd < 0) GTEST_SKIP() << "this kernel has no multipath TCP";
  ASSERT_EQ(::listen(fd, 8), 0);
  struct stat status{};
  ::fstat(fd, &status);
  EXPECT_TRUE(find(SocketLists().read(), status.st_ino));
  ::close(fd);
}

TEST(SocketLists, ReadsProcWhereNetlinkIsDenied) {
  const test::TempDir net;
  net.write("tcp", "  0: 0100007F:0BB8 00000000:0000 0A 0:0 0:0 0 1000 0 4711\n");
  net.write("udp6", "  0: 00000000000000000000000000000000:14E9 0:0 07 0:0 0:0 0 1000 0 4712\n");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  SocketLists lists(net.string());
  ::setrlimit(RLIMIT_NOFILE, &before);
  const OpenSockets sockets = lists.read();
  ASSERT_EQ(sockets.size(), 2U);
  EXPECT_EQ(sockets[0].port, 3000);
  EXPECT_EQ(sockets[1].port, 5353);
}

}  // namespace
}  // namespace dormouse::follow
