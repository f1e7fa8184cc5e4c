// Flows that the listener does not want, or no longer.
#include <gtest/gtest.h>

#include "harness.h"

namespace dormouse::reassembly {
namespace {

using testing::TcpClient;

TEST(Refusal, ARefusedFlowIsATombstoneAtOnce) {
  Harness harness;
  harness.listener.refuse = Reason::kFiltered;
  TcpClient client;
  EXPECT_EQ(harness.add(client.syn()), Reason::kFiltered);
  harness.listener.refuse = Reason::kNone;
  EXPECT_EQ(harness.add(client.data(0, "x")), Reason::kFiltered);
  EXPECT_EQ(harness.add(client.serverRst(0), false), Reason::kFiltered);
  EXPECT_EQ(harness.listener.appeared, 1U);
  client.isn++;
  EXPECT_EQ(harness.add(client.syn()), Reason::kNone);
  harness.finish();
}

TEST(Refusal, AnAbandonedFlowIsATombstoneForThatReason) {
  Limits limits;
  Harness harness(limits);
  TcpClient client;
  harness.add(client.syn());
  harness.listener.refuseData = Reason::kOverBudget;
  harness.add(client.data(1, "behind"));
  EXPECT_EQ(harness.add(client.data(0, "x")), Reason::kNone);  // Shares the flow's fate.
  EXPECT_EQ(harness.last().fate, Reason::kOverBudget);
  EXPECT_EQ(harness.last().packets, 3U);
  EXPECT_EQ(harness.last().bytes, "x");
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  EXPECT_EQ(harness.add(client.data(7, "y")), Reason::kOverBudget);
  EXPECT_EQ(harness.table.abandon(harness.last().id, Reason::kTls), 0U);
  // The segment that is refused may be the last one.
  client.client.port++;
  harness.add(client.syn());
  harness.add(client.fin(0, "z"));
  EXPECT_EQ(harness.add(client.data(0, "z")), Reason::kOverBudget);
  harness.pass(limits.closedLinger);
  EXPECT_EQ(harness.table.flows(), 1U);
  harness.finish();
}

TEST(Refusal, AbandonAnswersThePacketsSoFar) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "ab"));
  harness.add(client.data(4, "ef"));
  harness.abandon(harness.last(), Reason::kSinkRefused);
  EXPECT_EQ(harness.last().packets, 3U);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  EXPECT_EQ(harness.add(client.data(2, "cd")), Reason::kSinkRefused);
  EXPECT_EQ(harness.table.abandon({77777, 1}, Reason::kTls), 0U);
  harness.finish();
}

}  // namespace
}  // namespace dormouse::reassembly
