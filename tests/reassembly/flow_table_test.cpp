// The life of a TCP connection in the table: how it begins, carries bytes and ends.
#include "reassembly/flow_table.h"

#include <gtest/gtest.h>

#include "harness.h"

namespace dormouse::reassembly {
namespace {

using testing::Segment;
using testing::TcpClient;

TEST(Connection, DeliversBytesInOrderAndEndsWithItsFin) {
  Harness harness;
  const TcpClient client;
  EXPECT_EQ(harness.add(client.syn()), Reason::kNone);
  EXPECT_EQ(harness.add(client.data(0, "GET ")), Reason::kNone);
  EXPECT_EQ(harness.add(client.data(4, "/")), Reason::kNone);
  EXPECT_EQ(harness.add(client.fin(5)), Reason::kNone);
  ASSERT_EQ(harness.stories(), 1U);
  EXPECT_EQ(harness.last().bytes, "GET /");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_FALSE(harness.last().reset);
  EXPECT_FALSE(harness.last().joinedLate);
  EXPECT_EQ(harness.last().packets, 4U);
  harness.finish();
}

TEST(Connection, SequenceNumbersWrapAround) {
  Harness harness;
  TcpClient client;
  client.isn = 0xfffffffd;
  harness.add(client.syn());
  harness.add(client.data(4, "efgh"));
  harness.add(client.data(0, "abcd"));
  harness.add(client.fin(8));
  EXPECT_EQ(harness.last().bytes, "abcdefgh");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  harness.finish();
}

TEST(Connection, DataInTheSynCounts) {
  Harness harness;
  const TcpClient client;
  EXPECT_EQ(harness.add(client.syn("fast")), Reason::kNone);
  EXPECT_EQ(harness.add(client.data(4, " open")), Reason::kNone);
  EXPECT_EQ(harness.last().bytes, "fast open");
  EXPECT_EQ(harness.last().packets, 2U);
  EXPECT_EQ(harness.add(client.syn()), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.data(0, "fast")), Reason::kDuplicate);
  harness.finish();
}

TEST(Connection, WithoutPayloadEndsAsEmpty) {
  Harness harness;
  TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(0));
  EXPECT_EQ(harness.last().fate, Reason::kEmpty);
  client.client.port++;
  harness.add(client.syn());
  harness.add(client.rst(0));
  EXPECT_EQ(harness.last().fate, Reason::kEmpty);
  EXPECT_TRUE(harness.last().reset);
  harness.finish();
}

TEST(Connection, RetransmissionsAndKeepAlivesBringNothing) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  EXPECT_EQ(harness.add(client.syn()), Reason::kDuplicate);
  harness.add(client.data(0, "abcdef"));
  EXPECT_EQ(harness.add(client.data(0, "abcdef")), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.data(2, "XX")), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.data(5, "?")), Reason::kDuplicate);  // One byte at next - 1.
  EXPECT_EQ(harness.add(client.bare(5)), Reason::kDuplicate);       // None at next - 1.
  EXPECT_EQ(harness.add(client.bare(6)), Reason::kNone);            // An acknowledgment.
  // Partly old, partly new: counted with the flow; what was delivered stands.
  EXPECT_EQ(harness.add(client.data(4, "XXgh")), Reason::kNone);
  EXPECT_EQ(harness.last().bytes, "abcdefgh");
  EXPECT_EQ(harness.last().packets, 4U);
  harness.finish();
}

TEST(Connection, FinCountsOnlyWhenAllBeforeItHasArrived) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  EXPECT_EQ(harness.add(client.fin(4)), Reason::kNone);
  EXPECT_FALSE(harness.last().fate);
  EXPECT_EQ(harness.add(client.fin(4)), Reason::kDuplicate);
  harness.add(client.data(0, "abcd"));
  EXPECT_EQ(harness.last().bytes, "abcd");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_EQ(harness.last().packets, 3U);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Connection, FinMayCarryTheLastBytes) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(2, "cd"));
  harness.add(client.data(0, "abc"));
  EXPECT_EQ(harness.last().bytes, "abcd");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  harness.finish();
}

TEST(Connection, RstCountsOnlyAtTheNextExpectedNumber) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "abcd"));
  EXPECT_EQ(harness.add(client.rst(3)), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.rst(5)), Reason::kMalformed);
  harness.add(client.data(8, "ijkl"));
  EXPECT_EQ(harness.add(client.rst(6)), Reason::kMalformed);  // Inside the hole.
  EXPECT_EQ(harness.add(client.rst(12)), Reason::kMalformed);
  EXPECT_FALSE(harness.last().fate);
  EXPECT_EQ(harness.add(client.rst(4)), Reason::kNone);
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_TRUE(harness.last().reset);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Connection, FarAheadIsIgnored) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "ab"));
  EXPECT_EQ(harness.add(client.data(2 + (1U << 30) + 1, "x")), Reason::kMalformed);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  EXPECT_EQ(harness.add(client.data(2 + (1U << 30), "x")), Reason::kNone);
  EXPECT_GT(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Connection, ImpossibleFlagsBringNoFlow) {
  Harness harness;
  const TcpClient client;
  for (const int flags : {capture::kSyn | capture::kAck, capture::kSyn | capture::kFin,
                          capture::kSyn | capture::kRst}) {
    Segment segment = client.syn("x");
    segment.flags = static_cast<std::uint8_t>(flags);
    EXPECT_EQ(harness.add(segment), Reason::kMalformed);
  }
  EXPECT_EQ(harness.listener.appeared, 0U);
  harness.finish();
}

TEST(Connection, ClosedFlowAbsorbsItsRetransmissionsAndGoesAfterItsLinger) {
  Limits limits;
  Harness harness(limits);
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(0, "bye"));
  EXPECT_EQ(harness.add(client.fin(0, "bye")), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.syn()), Reason::kDuplicate);
  EXPECT_EQ(harness.add(client.rst(4)), Reason::kDuplicate);
  EXPECT_EQ(harness.table.flows(), 1U);
  EXPECT_EQ(harness.pass(Nanos(0)), harness.clock.now() + limits.closedLinger);
  harness.pass(limits.closedLinger);
  EXPECT_EQ(harness.table.flows(), 0U);
  EXPECT_EQ(harness.stories(), 1U);
  harness.finish();
}

TEST(Connection, AnotherSynOnTheSameTupleIsAnotherConnection) {
  Harness harness;
  TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "first"));
  const FlowId first = harness.last().id;
  client.isn += 100000;
  EXPECT_EQ(harness.add(client.syn()), Reason::kNone);
  harness.add(client.data(0, "second"));
  ASSERT_EQ(harness.stories(), 2U);
  EXPECT_EQ(harness.story(0).fate, Reason::kNone);
  EXPECT_TRUE(harness.story(0).reset);
  EXPECT_EQ(harness.story(0).packets, 2U);
  EXPECT_EQ(harness.story(1).bytes, "second");
  EXPECT_NE(harness.story(1).id, first);
  EXPECT_EQ(harness.table.abandon(first, Reason::kSinkClosed), 0U);
  harness.add(client.fin(6));
  client.isn += 7;
  harness.add(client.syn());  // Replaces a closed flow.
  EXPECT_EQ(harness.stories(), 3U);
  harness.add(client.data(3, "held"));
  client.isn += 7;
  harness.add(client.syn());  // Bytes behind a hole are lost with it.
  EXPECT_EQ(harness.story(2).fate, Reason::kGap);
  harness.finish();
}

TEST(Connection, ThePodsOwnResetEndsIt) {
  Harness harness;
  TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "abcd"));
  EXPECT_EQ(harness.add(client.serverRst(4 + (1U << 31)), false), Reason::kMalformed);
  EXPECT_FALSE(harness.last().fate);
  EXPECT_EQ(harness.add(client.serverRst(4), false), Reason::kNone);
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_TRUE(harness.last().reset);
  EXPECT_EQ(harness.last().packets, 3U);
  EXPECT_EQ(harness.add(client.serverRst(4), false), Reason::kDuplicate);
  // It has received what the capture has not.
  client.client.port++;
  harness.add(client.syn());
  harness.add(client.data(0, "abcd"));
  harness.add(client.serverRst(9), false);
  EXPECT_EQ(harness.last().fate, Reason::kGap);
  EXPECT_EQ(harness.add(client.data(4, "late")), Reason::kGap);
  harness.finish();
}

TEST(Connection, ThePodsResetWithoutAckIsJudgedByItsOwnNumber) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "abcd"));
  Segment reset = client.serverRst(0);
  reset.flags = capture::kRst;
  reset.sequence = client.ack + (1U << 31);
  EXPECT_EQ(harness.add(reset, false), Reason::kMalformed);
  reset.sequence = client.ack + 10;
  EXPECT_EQ(harness.add(reset, false), Reason::kNone);
  EXPECT_TRUE(harness.last().reset);
  harness.finish();
}

TEST(Connection, OtherPacketsOfThePodAreNoneOfTheTablesBusiness) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  Segment answer = client.serverRst(0);
  answer.flags = capture::kAck;
  answer.payload = "response";
  EXPECT_EQ(harness.add(answer, false), Reason::kFiltered);
  answer.interface = 3;  // Unknown there.
  answer.flags = capture::kRst;
  EXPECT_EQ(harness.add(answer, false), Reason::kJoinedLate);
  EXPECT_FALSE(harness.last().fate);
  harness.finish();
}

TEST(JoinedLate, ItsFirstPayloadBringsIt) {
  Harness harness;
  const TcpClient client;
  EXPECT_EQ(harness.add(client.bare(50)), Reason::kJoinedLate);
  EXPECT_EQ(harness.add(client.fin(50)), Reason::kJoinedLate);
  EXPECT_EQ(harness.add(client.rst(50)), Reason::kJoinedLate);
  Segment probe = client.data(49, "?");
  probe.flags = capture::kAck;
  EXPECT_EQ(harness.add(probe), Reason::kJoinedLate);
  EXPECT_EQ(harness.listener.appeared, 0U);
  EXPECT_EQ(harness.add(client.data(50, "tail")), Reason::kNone);
  EXPECT_TRUE(harness.last().joinedLate);
  EXPECT_EQ(harness.last().bytes, "tail");
  EXPECT_EQ(harness.add(client.data(40, "before")), Reason::kDuplicate);
  harness.finish();
}

TEST(JoinedLate, TellsWhetherTheServerHasAnswered) {
  Harness harness;
  TcpClient client;
  harness.add(client.data(0, "a1"));
  harness.add(client.data(2, "b1"));
  client.ack += 100;
  harness.add(client.data(4, "c1"));
  harness.add(client.data(6, "d1"));
  client.ack -= 50;
  harness.add(client.data(8, "e1"));
  EXPECT_EQ(harness.last().answered, (std::vector<bool>{false, false, true, false, false}));
  harness.finish();
}

}  // namespace
}  // namespace dormouse::reassembly
