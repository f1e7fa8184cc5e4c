// Which ports appear and disappear.
#include "client/follow/ports.h"

#include <gtest/gtest.h>

#include "tests/follow/sockets.h"

namespace dormouse::follow {
namespace {

using Kind = PortChange::Kind;

/// "+3000:8080 -3000 ?40000", in order.
std::string textOf(const std::vector<PortChange>& changes) {
  std::string text;
  for (const PortChange& change : changes) {
    if (!text.empty()) text += ' ';
    const std::string port =
        (change.local.protocol == Protocol::kUdp ? "u" : "") + std::to_string(change.local.port);
    if (change.kind == Kind::kOpened) text += "+" + port + ":" + std::to_string(change.remote);
    if (change.kind == Kind::kClosed) text += "-" + port;
    if (change.kind == Kind::kLeftOut) text += "?" + port;
  }
  return text;
}

class PortsTest : public testing::Test {
 protected:
  static PortMap map(const std::vector<std::string>& pairs) {
    PortMap map;
    for (const auto& pair : pairs) map.add(pair);
    return map;
  }
  void listens(std::uint64_t inode, std::uint16_t port) {
    ports_.noteBind(inode, port, clock_.now());
    ports_.noteListen(inode, clock_.now());
  }
  std::string update(const OpenSockets& open) { return textOf(ports_.update(open)); }

  ManualClock clock_;
  Ports ports_{map({"3000:8080", "0:8081"}), true, true};
};

TEST_F(PortsTest, APortOpensWhenItIsListedAndClosesWhenNoLonger) {
  listens(1, 3000);
  EXPECT_EQ(update({}), "");  // Notified, but the call has not happened yet.
  EXPECT_EQ(update({listed(1, 3000)}), "+3000:8080");
  EXPECT_EQ(update({listed(1, 3000)}), "");
  EXPECT_EQ(update({}), "-3000");
  EXPECT_EQ(update({listed(1, 3000)}), "");  // Its number, given out anew to somebody else.
}

TEST_F(PortsTest, OthersSocketsDoNotCount) {
  listens(1, 3000);
  EXPECT_EQ(update({listed(2, 3000), listed(3, 80)}), "");
}

TEST_F(PortsTest, WorkersThatShareAPortAreOneMirror) {
  for (std::uint64_t inode = 1; inode <= 3; ++inode) listens(inode, 3000);
  EXPECT_EQ(update({listed(1, 3000), listed(2, 3000), listed(3, 3000)}), "+3000:8080");
  EXPECT_EQ(update({listed(2, 3000), listed(3, 3000)}), "");
  listens(4, 3000);
  EXPECT_EQ(update({listed(3, 3000), listed(4, 3000)}), "");
  EXPECT_EQ(update({listed(4, 3000)}), "");
  EXPECT_EQ(update({}), "-3000");
}

TEST_F(PortsTest, APortThatMovesToAnotherAddressIsClosedAndOpened) {
  listens(1, 80);
  listens(2, 80);
  auto changes = ports_.update({listed(1, 80, "10.0.0.5"), listed(2, 80, "::1")});
  EXPECT_EQ(textOf(changes), "+80:80");
  EXPECT_EQ(changes.at(0).socket.inode, 2U);  // The nearest.
  changes = ports_.update({listed(1, 80, "10.0.0.5")});
  EXPECT_EQ(textOf(changes), "-80 +80:80");
  EXPECT_EQ(changes.at(1).socket.inode, 1U);
}

TEST_F(PortsTest, WhatTheKernelChoseGoesToZeroOrIsLeftOutOnce) {
  listens(1, 0);
  EXPECT_EQ(update({listed(1, 40000)}), "+40000:8081");
  Ports unmapped(map({}), true, true);
  for (std::uint64_t inode = 1; inode < 3; ++inode) {
    unmapped.noteBind(inode, 0, clock_.now());
    EXPECT_EQ(textOf(unmapped.update({listed(inode, 40000)})), "?40000");
    EXPECT_EQ(textOf(unmapped.update({listed(inode, 40000)})), "");
    EXPECT_EQ(textOf(unmapped.update({})), "");
  }
}

TEST_F(PortsTest, AListenWithoutABindIsTheKernelsChoice) {
  ports_.noteListen(1, clock_.now());
  EXPECT_EQ(update({listed(1, 40000)}), "+40000:8081");
}

TEST_F(PortsTest, UdpIsAServerIfItBoundToAPortOfItsChoice) {
  const auto udp = [](std::uint64_t inode, std::uint16_t port) {
    return listed(inode, port, "0.0.0.0", Protocol::kUdp);
  };
  ports_.noteBind(1, 5353, clock_.now());
  ports_.noteBind(2, 0, clock_.now());
  EXPECT_EQ(update({udp(1, 5353), udp(2, 40000), udp(3, 53)}), "+u5353:5353");
  EXPECT_EQ(update({}), "-u5353");
}

TEST_F(PortsTest, OneProtocolMayBeAllThatCounts) {
  for (const bool tcp : {true, false}) {
    Ports ports(map({}), tcp, !tcp);
    ports.noteBind(1, 80, clock_.now());
    ports.noteBind(2, 53, clock_.now());
    const auto changes = ports.update({listed(1, 80), listed(2, 53, "0.0.0.0", Protocol::kUdp)});
    EXPECT_EQ(textOf(changes), tcp ? "+80:80" : "+u53:53");
  }
}

TEST_F(PortsTest, WithoutNoticesAllSocketsOfTheProcessesCount) {
  ports_.noteAll({1, 2});
  EXPECT_EQ(update({listed(1, 3000), listed(2, 40000), listed(3, 80)}), "+3000:8080 +40000:8081");
  ports_.noteAll({2});
  EXPECT_EQ(update({listed(1, 3000), listed(2, 40000)}), "-3000");
}

TEST_F(PortsTest, LooksOftenAfterANoticeAndThenSeldom) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ports_.nextAt(clock_.now()), TimePoint::max());
  listens(1, 3000);
  EXPECT_EQ(ports_.nextAt(clock_.now()), clock_.now() + milliseconds(1));
  clock_.advance(milliseconds(100));
  EXPECT_EQ(ports_.nextAt(clock_.now()), clock_.now() + milliseconds(50));
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(ports_.nextAt(clock_.now()), clock_.now() + milliseconds(250));
  update({listed(1, 3000)});
  listens(2, 3001);
  EXPECT_EQ(ports_.nextAt(clock_.now()), clock_.now() + milliseconds(1));
}

TEST_F(PortsTest, ForgetsTheOldestThatNeverListened) {
  listens(1, 3000);
  update({listed(1, 3000)});
  ports_.noteBind(2, 4000, clock_.now());
  for (std::uint64_t inode = 10; inode < 5000; ++inode) {
    clock_.advance(Nanos(1));
    ports_.noteBind(inode, 5000, clock_.now());
  }
  EXPECT_EQ(update({listed(1, 3000), listed(2, 4000), listed(4999, 5000)}), "+5000:5000");
}

}  // namespace
}  // namespace dormouse::follow
