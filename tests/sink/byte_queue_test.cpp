#include "sink/byte_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/sink/sockets.h"

namespace dormouse::sink {
namespace {

bool append(ByteQueue& queue, const std::string& text) {
  auto* const out = queue.room(text.size());
  if (out == nullptr) return false;
  out->insert(out->end(), text.begin(), text.end());
  return true;
}

std::string takeAll(ByteQueue& queue, std::size_t step) {
  std::string all;
  while (!queue.empty()) {
    const auto front = queue.front();
    const std::size_t n = std::min(step, front.size());
    all.append(reinterpret_cast<const char*>(front.data()), n);
    queue.consume(n);
  }
  return all;
}

TEST(ByteQueue, GivesTheBytesBackInOrderWhateverTheSteps) {
  mirror::Budget budget(1 << 20);
  ByteQueue queue(budget, 16, 64);
  for (const std::size_t step : {1U, 7U, 1000U}) {
    std::string expected;
    for (std::size_t i = 0; i < 200; ++i) {
      const std::string part(1 + i % 90, static_cast<char>('a' + i % 26));
      ASSERT_TRUE(append(queue, part));
      expected += part;
    }
    EXPECT_EQ(queue.size(), expected.size());
    EXPECT_EQ(takeAll(queue, step), expected);
    EXPECT_EQ(queue.appended(), queue.consumed());
  }
}

TEST(ByteQueue, ChargesWhatItAllocatesAndNeverMore) {
  mirror::Budget budget(1000);
  ByteQueue queue(budget, 100, 100);
  std::size_t taken = 0;
  while (append(queue, std::string(30, 'x'))) taken += 30;
  EXPECT_LE(budget.used(), 1000U);
  EXPECT_GE(taken, 900U);  // Three of thirty in each hundred.
  EXPECT_EQ(queue.size(), taken);
  EXPECT_FALSE(append(queue, std::string(101, 'x')));
  EXPECT_EQ(takeAll(queue, 30).size(), taken);
  EXPECT_LE(budget.used(), 100U) << "an empty queue keeps one chunk";
  queue.trim();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(ByteQueue, AnEmptyQueueTakesTheWholeBudgetAtOnce) {
  mirror::Budget budget(1000);
  ByteQueue queue(budget, 100, 100);
  ASSERT_TRUE(append(queue, "x"));
  takeAll(queue, 1);
  // The kept chunk of 100 must not stand in the way of one of 1000.
  EXPECT_TRUE(append(queue, std::string(1000, 'y')));
  EXPECT_FALSE(append(queue, "z"));
  EXPECT_EQ(queue.appended(), 1001U);
  EXPECT_EQ(takeAll(queue, 999), std::string(1000, 'y'));
}

TEST(ByteQueue, SharesTheBudgetWithOthersAndGivesItBackAtTheEnd) {
  mirror::Budget budget(200);
  {
    ByteQueue one(budget, 100, 100);
    ByteQueue two(budget, 100, 100);
    ASSERT_TRUE(append(one, std::string(150, 'a')));
    EXPECT_FALSE(append(two, std::string(51, 'b')));
    EXPECT_TRUE(append(two, std::string(50, 'b')));
  }
  EXPECT_EQ(budget.used(), 0U);
}

TEST(ByteQueue, DoesNotMoveBytesThatAreIn) {
  mirror::Budget budget(1 << 20);
  ByteQueue queue(budget, 64, 64);
  ASSERT_TRUE(append(queue, "first"));
  const std::uint8_t* const address = queue.front().data();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(append(queue, std::string(50, 'x')));
  EXPECT_EQ(queue.front().data(), address);
}

}  // namespace
}  // namespace dormouse::sink
