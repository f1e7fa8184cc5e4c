// What the table does when it waits, and when it fills up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"
#include "reassembly/held_segments.h"

namespace dormouse::reassembly {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::endpoint;
using testing::Segment;
using testing::TcpClient;

TcpClient clientAt(std::uint32_t number) {
  TcpClient client;
  client.client = endpoint("10.1.0.0", 0);
  auto bytes = client.client.address.bytes();
  bytes[14] = static_cast<std::uint8_t>(number >> 8);
  bytes[15] = static_cast<std::uint8_t>(number);
  client.client = {IpAddress::v6(bytes), static_cast<std::uint16_t>(1024 + (number >> 16))};
  return client;
}

TEST(Gap, EndsAHoleThatIsNotFilledInTime) {
  Limits limits;
  Harness harness(limits);
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "ab"));
  harness.add(client.data(4, "ef"));
  EXPECT_EQ(harness.pass(Nanos(0)), harness.clock.now() + limits.gapTimeout);
  harness.pass(limits.gapTimeout - Nanos(1));
  EXPECT_FALSE(harness.last().fate);
  harness.pass(Nanos(1));
  EXPECT_EQ(harness.last().fate, Reason::kGap);
  EXPECT_EQ(harness.last().bytes, "ab");
  EXPECT_EQ(harness.last().packets, 3U);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  // The tombstone: skipped, not counted again, not passed off as contiguous.
  EXPECT_EQ(harness.add(client.data(2, "cd")), Reason::kGap);
  EXPECT_EQ(harness.add(client.data(6, "gh")), Reason::kGap);
  EXPECT_EQ(harness.listener.appeared, 1U);
  // A FIN lays it to rest, it lingers, then it is gone.
  EXPECT_EQ(harness.add(client.fin(8)), Reason::kGap);
  harness.pass(limits.closedLinger);
  EXPECT_EQ(harness.table.flows(), 0U);
  harness.finish();
}

TEST(Gap, AFinBehindAHoleWaitsNoLonger) {
  Limits limits;
  Harness harness(limits);
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(4));
  harness.pass(limits.gapTimeout);
  EXPECT_EQ(harness.last().fate, Reason::kGap);
  harness.finish();
}

TEST(Gap, EachHoleHasItsOwnTime) {
  Limits limits;
  Harness harness(limits);
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(2, "cd"));
  harness.add(client.data(6, "gh"));
  harness.pass(milliseconds(1500));
  harness.add(client.data(0, "ab"));  // The next hole begins to wait.
  harness.pass(milliseconds(1500));
  EXPECT_FALSE(harness.last().fate);
  harness.add(client.data(4, "ef"));
  harness.pass(seconds(10));
  EXPECT_FALSE(harness.last().fate);
  EXPECT_EQ(harness.last().bytes, "abcdefgh");
  harness.finish();
}

TEST(Gap, ANewSynReplacesTheTombstone) {
  Limits limits;
  Harness harness(limits);
  TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(4, "ef"));
  harness.pass(limits.gapTimeout);
  EXPECT_EQ(harness.add(client.syn()), Reason::kGap);  // The same: a retransmission.
  client.isn += 5000;
  EXPECT_EQ(harness.add(client.syn()), Reason::kNone);
  harness.add(client.data(0, "new"));
  EXPECT_EQ(harness.last().bytes, "new");
  EXPECT_EQ(harness.stories(), 2U);
  harness.finish();
}

TEST(Gap, AFlowAtItsOwnBoundEnds) {
  Limits limits;
  limits.heldPerFlow = 3 * HeldSegments::cost(10) - 1;
  Harness harness(limits);
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(10, std::string(10, 'b')));
  harness.add(client.data(20, std::string(10, 'c')));
  EXPECT_EQ(harness.table.heldBytes(), 2 * HeldSegments::cost(10));
  EXPECT_EQ(harness.add(client.data(30, std::string(10, 'd'))), Reason::kNone);  // The flow's fate.
  EXPECT_EQ(harness.last().fate, Reason::kGap);
  EXPECT_EQ(harness.last().packets, 4U);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Gap, AFlowThatGoesOnIsGivenWhatWasHeld) {
  Limits limits;
  Harness harness(limits);
  harness.listener.goOn = 2;
  TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "ab"));
  client.ack += 10;
  harness.add(client.data(4, "ef"));
  client.ack += 10;
  harness.add(client.data(6, "gh"));
  client.ack += 10;
  harness.add(client.data(10, "kl"));
  harness.pass(limits.gapTimeout);
  ASSERT_EQ(harness.stories(), 1U);
  EXPECT_THAT(harness.last().pieces, ElementsAre("ab", "ef", "gh", "kl"));
  EXPECT_THAT(harness.last().packetsBefore, ElementsAre(2U, 2U));
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  // The holes are not filled any more; what follows is in order again.
  EXPECT_EQ(harness.add(client.data(2, "cd")), Reason::kDuplicate);
  client.ack += 10;
  harness.add(client.data(12, "mn"));
  EXPECT_THAT(harness.last().answered, ElementsAre(false, false, true, false, true))
      << "nothing is known of what comes first behind a hole";
  EXPECT_THAT(harness.last().overdue, ElementsAre(false, true, true, true, false));
  harness.add(client.fin(14));
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_EQ(harness.last().packets, 3U);
  harness.finish();
}

TEST(Gap, AFlowThatGoesOnEndsWithTheFinThatWasHeld) {
  Limits limits;
  Harness harness(limits);
  harness.listener.goOn = 1;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(4, "ef"));
  harness.pass(limits.gapTimeout);
  EXPECT_EQ(harness.last().bytes, "ef");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_EQ(harness.add(client.fin(4, "ef")), Reason::kDuplicate);
  harness.finish();
}

TEST(Gap, AFlowAtItsBoundGoesOnWithTheSegmentThatFoundNoRoom) {
  Limits limits;
  limits.heldPerFlow = 2 * HeldSegments::cost(2) - 1;
  Harness harness(limits);
  harness.listener.goOn = 1;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(4, "ef"));
  EXPECT_EQ(harness.add(client.data(6, "gh")), Reason::kNone);
  EXPECT_EQ(harness.last().bytes, "efgh");
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Gap, AFlowThatWentOnMayEndAtTheNextHole) {
  Limits limits;
  Harness harness(limits);
  harness.listener.goOn = 1;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(4, "ef"));
  harness.add(client.data(10, "kl"));
  harness.pass(limits.gapTimeout);
  EXPECT_EQ(harness.last().bytes, "ef");
  EXPECT_EQ(harness.last().fate, Reason::kGap);
  EXPECT_EQ(harness.last().packets, 2U);
  EXPECT_EQ(harness.add(client.data(12, "mn")), Reason::kGap);
  harness.finish();
}

TEST(Gap, AFlowThatGoesOnMayBeRefusedBehindTheHole) {
  Limits limits;
  Harness harness(limits);
  harness.listener.goOn = 2;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(4, "ef"));
  harness.add(client.data(10, "kl"));
  harness.listener.refuseData = Reason::kOverBudget;
  harness.pass(limits.gapTimeout);
  EXPECT_EQ(harness.last().fate, Reason::kOverBudget);
  EXPECT_EQ(harness.last().bytes, "ef");
  EXPECT_EQ(harness.last().packets, 2U) << "what is held behind it has the same fate";
  harness.finish();
}

TEST(Gap, TheGreediestFlowEndsWhenAllTogetherReachTheBound) {
  Limits limits;
  limits.heldTotal = 100 * HeldSegments::cost(0);
  Harness harness(limits);
  TcpClient modest = clientAt(1);
  harness.add(modest.syn());
  harness.add(modest.data(1, "m"));
  TcpClient greedy = clientAt(2);
  harness.add(greedy.syn());
  for (std::uint32_t i = 1; i < 90; ++i) harness.add(greedy.data(2 * i, "g"));
  EXPECT_FALSE(harness.story(1).fate);
  TcpClient third = clientAt(3);
  harness.add(third.syn());
  std::uint32_t held = 0;
  while (!harness.story(1).fate && held < 50) {
    EXPECT_EQ(harness.add(third.data(2 * ++held, "t")), Reason::kNone);
  }
  EXPECT_EQ(harness.story(1).fate, Reason::kGap);
  EXPECT_LE(harness.table.heldBytes(), limits.heldTotal);
  harness.add(modest.data(0, "_"));
  EXPECT_EQ(harness.story(0).bytes, "_m");
  EXPECT_FALSE(harness.story(2).fate);
  // And a flow that is itself the greediest ends itself.
  while (!harness.story(2).fate && held < 200) harness.add(third.data(2 * ++held, "t"));
  EXPECT_EQ(harness.story(2).fate, Reason::kGap);
  EXPECT_FALSE(harness.story(0).fate);
  harness.finish();
}

TEST(Gap, TinySegmentsCannotHoldMoreThanTheBound) {
  Limits limits;
  limits.heldPerFlow = 64 << 10;
  limits.heldTotal = 128 << 10;
  Harness harness(limits);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const TcpClient client = clientAt(i);
    harness.add(client.syn());
    for (std::uint32_t k = 1; k < 1000; ++k) {
      harness.add(client.data(2 * k, "x"));
      ASSERT_LE(harness.table.heldBytes(), limits.heldTotal);
    }
  }
  harness.finish();
}

TEST(Idle, SilenceEndsAConnection) {
  Limits limits;
  Harness harness(limits);
  const TcpClient talks = clientAt(1);
  const TcpClient silent = clientAt(2);
  const TcpClient empty = clientAt(3);
  for (const TcpClient& client : {talks, silent, empty}) harness.add(client.syn());
  harness.add(talks.data(0, "a"));
  harness.add(silent.data(0, "a"));
  harness.pass(limits.idleTimeout - seconds(1));
  harness.add(talks.bare(0));  // A keep-alive is a sign of life.
  const TimePoint due = harness.pass(seconds(1));
  EXPECT_EQ(due, harness.clock.now() + limits.idleTimeout - seconds(1));
  EXPECT_FALSE(harness.story(0).fate);
  EXPECT_EQ(harness.story(1).fate, Reason::kIdle);
  EXPECT_EQ(harness.story(2).fate, Reason::kIdle);
  EXPECT_EQ(harness.table.flows(), 1U);
  harness.finish();
}

TEST(Idle, NothingWaitsInAnEmptyTable) {
  Harness harness;
  EXPECT_EQ(harness.pass(seconds(1)), TimePoint::max());
  harness.finish();
}

TEST(Idle, NeverMeansNever) {
  Limits limits;
  limits.idleTimeout = Nanos::max();
  Harness harness(limits);
  harness.add(TcpClient().syn());
  EXPECT_EQ(harness.pass(seconds(1)), TimePoint::max());
  EXPECT_FALSE(harness.last().fate);
  harness.finish();
}

TEST(Eviction, AFloodOfSynsCostsNoFlowWithPayload) {
  Harness harness;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const TcpClient client = clientAt(i);
    harness.add(client.syn());
    harness.add(client.data(0, "payload"));
  }
  for (std::uint32_t i = 0; i < 70000; ++i) {
    harness.table.add(0, clientAt(100000 + i).syn().packet(), true, harness.clock.now());
  }
  EXPECT_EQ(harness.table.flows(), Limits().maxFlows);
  const auto alive = [&](std::size_t i) { return !harness.story(i).fate.has_value(); };
  for (std::size_t i = 0; i < 1000; ++i) ASSERT_TRUE(alive(i)) << i;
  EXPECT_EQ(harness.story(1000).fate, Reason::kEvicted);  // The flood evicts its own oldest.
}

TEST(Eviction, ClosedThenTombstonesThenEmptyThenLongestSilent) {
  Limits limits;
  limits.maxFlows = 5;
  Harness harness(limits);
  const auto open = [&](std::uint32_t number) {
    const TcpClient client = clientAt(number);
    harness.add(client.syn());
    harness.add(client.data(0, "x"));
    return client;
  };
  const TcpClient early = open(1);
  open(2);
  harness.add(clientAt(3).syn());  // Empty.
  const TcpClient dead = open(4);
  harness.abandon(harness.story(3), Reason::kSinkClosed);
  const TcpClient closed = open(5);
  harness.add(closed.fin(1));
  harness.pass(seconds(1));
  harness.add(early.data(1, "y"));  // Now number 2 has been silent longer.

  open(6);  // In place of the closed one.
  EXPECT_EQ(harness.add(dead.data(1, "y")), Reason::kSinkClosed);
  open(7);  // In place of the tombstone.
  EXPECT_FALSE(harness.story(2).fate);
  open(8);  // In place of the empty one.
  EXPECT_EQ(harness.story(2).fate, Reason::kEvicted);
  EXPECT_FALSE(harness.story(1).fate);
  open(9);  // In place of the longest silent one.
  EXPECT_EQ(harness.story(1).fate, Reason::kEvicted);
  EXPECT_EQ(harness.story(1).packets, 2U);
  EXPECT_FALSE(harness.story(0).fate);
  EXPECT_EQ(harness.table.flows(), limits.maxFlows);
  harness.finish();
}

TEST(Eviction, TheLongestSilentGoesWhateverItsTransport) {
  for (const bool udpFirst : {true, false}) {
    Limits limits;
    limits.maxFlows = 2;
    Harness harness(limits);
    for (const bool udp : {udpFirst, !udpFirst}) {
      Segment segment = clientAt(udp ? 1 : 2).data(0, "xy");
      if (udp) segment.transport = capture::Transport::kUdp;
      harness.add(segment);
      harness.pass(seconds(1));
    }
    harness.add(clientAt(3).syn());
    EXPECT_EQ(harness.story(0).fate, Reason::kEvicted);
    EXPECT_FALSE(harness.story(1).fate);
    harness.finish();
  }
}

TEST(Eviction, GivesBackWhatTheFlowHeld) {
  Limits limits;
  limits.maxFlows = 1;
  Harness harness(limits);
  harness.add(clientAt(1).syn());
  harness.add(clientAt(1).data(5, "held"));
  harness.add(clientAt(2).syn());
  EXPECT_EQ(harness.story(0).fate, Reason::kEvicted);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

}  // namespace
}  // namespace dormouse::reassembly
