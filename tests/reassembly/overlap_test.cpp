// Segments out of order and the overlaps between them.
#include <gtest/gtest.h>

#include "harness.h"
#include "reassembly/held_segments.h"

namespace dormouse::reassembly {
namespace {

using testing::TcpClient;

/// What the listener gets of those segments, in that order.
std::string assembled(const std::vector<std::pair<std::uint32_t, std::string>>& segments,
                      std::uint32_t isn = 0xfffffff8) {
  Harness harness;
  TcpClient client;
  client.isn = isn;
  harness.add(client.syn());
  for (const auto& [offset, bytes] : segments) harness.add(client.data(offset, bytes));
  const std::string result = harness.last().bytes;
  harness.finish();
  return result;
}

TEST(Overlap, DeliveredBytesStandAndInOrderBeatsHeld) {
  // As a real Linux socket resolved it.
  EXPECT_EQ(assembled({{0, "AAAA"}, {8, "CCCC"}, {2, "xxBBBBxx"}, {12, "DD"}}), "AAAABBBBxxCCDD");
}

TEST(Overlap, EarlierStartWinsAmongHeld) {
  EXPECT_EQ(assembled({{4, "BBBB"}, {2, "AAAA"}, {0, "__"}}), "__AAAABB");
  EXPECT_EQ(assembled({{2, "AAAA"}, {4, "BBBB"}, {0, "__"}}), "__AAAABB");
}

TEST(Overlap, AtEqualStartTheLongerLaterOneWins) {
  EXPECT_EQ(assembled({{2, "AA"}, {2, "BBBB"}, {0, "__"}}), "__BBBB");
  EXPECT_EQ(assembled({{2, "AAAA"}, {2, "BB"}, {0, "__"}}), "__AAAA");
  EXPECT_EQ(assembled({{2, "AAAA"}, {2, "BBBB"}, {0, "__"}}), "__AAAA");
}

TEST(Overlap, CoveredSegmentsAreDropped) {
  EXPECT_EQ(assembled({{4, "AA"}, {8, "BB"}, {3, "CCCCCCCC"}, {0, "___"}}), "___CCCCCCCC");
  EXPECT_EQ(assembled({{3, "CCCCCCCC"}, {4, "AA"}, {0, "___"}}), "___CCCCCCCC");
}

TEST(Overlap, AFinWithinDataIsNoEnd) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.fin(4));           // Says that the stream ends at 4.
  harness.add(client.data(4, "efgh"));  // Covers it: at equal start the longer one wins.
  harness.add(client.data(0, "abcd"));
  EXPECT_EQ(harness.last().bytes, "abcdefgh");
  EXPECT_FALSE(harness.last().fate);
  harness.finish();
}

TEST(Overlap, NothingFollowsAFin) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(6, "behind"));
  harness.add(client.fin(2, "cd"));
  harness.add(client.data(0, "ab"));
  EXPECT_EQ(harness.last().bytes, "abcd");
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  harness.finish();
}

TEST(Held, PiecesComeOutOneByOneAndCountOnce) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  EXPECT_EQ(harness.add(client.data(4, "ef")), Reason::kNone);
  EXPECT_EQ(harness.add(client.data(2, "cd")), Reason::kNone);
  EXPECT_EQ(harness.add(client.data(2, "cd")), Reason::kDuplicate);
  EXPECT_TRUE(harness.last().bytes.empty());
  harness.add(client.data(0, "ab"));
  EXPECT_EQ(harness.last().pieces, (std::vector<std::string>{"ab", "cd", "ef"}));
  EXPECT_EQ(harness.last().packets, 4U);
  harness.finish();
}

TEST(Held, CountsWhatEachSegmentCosts) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(10, "x"));
  EXPECT_EQ(harness.table.heldBytes(), HeldSegments::cost(1));
  harness.add(client.data(20, "yyyy"));
  EXPECT_EQ(harness.table.heldBytes(), HeldSegments::cost(1) + HeldSegments::cost(4));
  harness.add(client.data(9, std::string(20, 'z')));  // Covers both.
  EXPECT_EQ(harness.table.heldBytes(), HeldSegments::cost(20));
  harness.add(client.data(0, std::string(9, 'a')));
  EXPECT_EQ(harness.table.heldBytes(), 0U);
  EXPECT_EQ(harness.last().bytes.size(), 29U);
  harness.finish();
}

}  // namespace
}  // namespace dormouse::reassembly
