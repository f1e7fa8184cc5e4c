// /proc/net/tcp and its kin, whole and damaged.
#include "client/follow/proc_net.h"

#include <gtest/gtest.h>

#include "tests/follow/sockets.h"

namespace dormouse::follow {
namespace {

const std::string kHead =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n";

std::string line(const std::string& local, const std::string& state, const std::string& inode) {
  return "   0: " + local + " 00000000:0000 " + state +
         " 00000000:00000000 00:00000000 00000000  1000        0 " + inode +
         " 1 0000000000000000\n";
}

TEST(ProcNet, ListsWhatListens) {
  OpenSockets sockets;
  parseProcNet(kHead + line("0100007F:0BB8", "0A", "4711") + line("0100007F:0BB9", "01", "4712"),
               Protocol::kTcp, false, sockets);
  ASSERT_EQ(sockets.size(), 1U);
  EXPECT_EQ(sockets[0].port, 3000);
  EXPECT_EQ(sockets[0].inode, 4711U);
  EXPECT_EQ(textOf(destinationOf(sockets[0])), "127.0.0.1 3000");
}

TEST(ProcNet, ReadsIpv6AndUdp) {
  OpenSockets sockets;
  parseProcNet(line("00000000000000000000000001000000:1F90", "0A", "1"), Protocol::kTcp, true,
               sockets);
  parseProcNet(line("00000000:14E9", "07", "2"), Protocol::kUdp, false, sockets);
  ASSERT_EQ(sockets.size(), 2U);
  EXPECT_EQ(textOf(destinationOf(sockets[0])), "::1 8080");
  EXPECT_EQ(sockets[1].protocol, Protocol::kUdp);
  EXPECT_EQ(sockets[1].port, 5353);
}

TEST(ProcNet, PassesOverWhatTheKernelWouldNotWrite) {
  for (const std::string& bad : {line("0100007F:0BB8", "0A", "0"), line("0100007F:0BB8", "0A", "x"),
                                 line("0100007F:0000", "0A", "1"), line("0100007F", "0A", "1"),
                                 line("0100007G:0BB8", "0A", "1"), line("0100007F:0BB8", "", ""),
                                 line("00000000000000000000000001000000:1F90", "0A", "1"),
                                 line("0100007F:0BB8", "0A", "99999999999999999999999"),
                                 std::string("\n\n   \n"), std::string("0 1 2 0A")}) {
    OpenSockets sockets;
    parseProcNet(bad, Protocol::kTcp, false, sockets);
    EXPECT_TRUE(sockets.empty()) << bad;
  }
}

TEST(ProcNet, TakesALastLineWithoutItsEnd) {
  OpenSockets sockets;
  std::string text = line("0100007F:0BB8", "0A", "4711");
  text.pop_back();
  parseProcNet(text, Protocol::kTcp, false, sockets);
  EXPECT_EQ(sockets.size(), 1U);
}

}  // namespace
}  // namespace dormouse::follow
