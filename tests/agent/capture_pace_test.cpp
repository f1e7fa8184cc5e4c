#include "agent/capture_pace.h"

#include <gtest/gtest.h>

namespace dormouse::agent {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kRest = milliseconds(15);

class CapturePaceTest : public ::testing::Test {
 protected:
  /// A turn that comes so long after the last one.
  void turn(Nanos after, int packets, std::size_t bytes, bool all = true) {
    now_ += after;
    pace_.note({packets, bytes}, all, now_);
  }

  /// Traffic that is steady and modest, up to the last turn before a rest.
  void calm() {
    turn(milliseconds(5), 1, 100);
    for (int i = 1; i < CapturePace::kCalmTurns; ++i) {
      turn(milliseconds(5), 40, 6000);
      EXPECT_FALSE(pace_.rests()) << i;
    }
  }

  CapturePace pace_{{kRest, 1 << 20}};
  TimePoint now_{std::chrono::hours(1)};
};

TEST_F(CapturePaceTest, WatchesUntilTrafficIsSteady) {
  EXPECT_FALSE(pace_.rests());
  calm();  // The first packet may be the only one for long.
  turn(milliseconds(5), 40, 6000);
  EXPECT_TRUE(pace_.rests());
  EXPECT_EQ(pace_.restsUntil(), now_ + kRest);
}

TEST_F(CapturePaceTest, RestsFromTurnToTurnAndWatchesAgainInSilence) {
  calm();
  for (int i = 0; i < 3; ++i) {
    turn(kRest + milliseconds(2), 120, 18'000);
    EXPECT_TRUE(pace_.rests()) << i;
  }
  turn(kRest, 0, 0);
  EXPECT_FALSE(pace_.rests());
  turn(2 * kRest, 1, 100);
  EXPECT_FALSE(pace_.rests());  // Silence ended: as at the beginning.
}

TEST_F(CapturePaceTest, DoesNotRestWhileMuchComes) {
  constexpr std::size_t kMuch = (1 << 20) / 3 + 1;  // As much in 15 ms would be 1 MiB.
  calm();
  turn(milliseconds(5), 4, kMuch);
  EXPECT_FALSE(pace_.rests());
  for (int i = 1; i < CapturePace::kCalmTurns; ++i) {
    turn(milliseconds(5), 40, 6000);
    EXPECT_FALSE(pace_.rests()) << "much begins the count anew: " << i;
  }
  turn(milliseconds(5), 4, kMuch - 2);
  EXPECT_TRUE(pace_.rests());
  turn(kRest, 4, kMuch);
  EXPECT_TRUE(pace_.rests()) << "it is the rate that counts";
  turn(kRest, 4, 1 << 20);
  EXPECT_FALSE(pace_.rests());
}

TEST_F(CapturePaceTest, ABurstIsNoticedByItsFirstBlock) {
  calm();
  turn(milliseconds(5), 40, 6000);
  ASSERT_TRUE(pace_.rests());
  turn(std::chrono::microseconds(400), 4, 200 << 10);
  EXPECT_FALSE(pace_.rests());
}

TEST_F(CapturePaceTest, DoesNotRestWhilePacketsAreLeft) {
  calm();
  turn(milliseconds(5), 4096, 300'000, false);
  EXPECT_FALSE(pace_.rests());
}

TEST_F(CapturePaceTest, ASecondTurnRightAfterTheFirstIsNoBurst) {
  calm();
  turn(Nanos{0}, 40, 6000);
  EXPECT_TRUE(pace_.rests());
}

TEST(CapturePace, NeverRestsIfToldNotTo) {
  CapturePace pace{Rest{Nanos{0}, 1 << 20}};
  TimePoint now{std::chrono::hours(1)};
  for (int i = 0; i < 3; ++i) {
    pace.note({1, 100}, true, now);  // Even within one reading of the clock.
    EXPECT_FALSE(pace.rests());
  }
}

}  // namespace
}  // namespace dormouse::agent
