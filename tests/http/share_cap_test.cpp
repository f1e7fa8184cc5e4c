// The ceiling on samples by a key, and the head start that all mirrors of an agent share.
#include "http/share_cap.h"

#include <gtest/gtest.h>

#include <vector>

namespace dormouse::http {
namespace {

/// How many of `count` requests, all of them wanted, the cap lets pass.
int taken(ShareCap& cap, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += cap.take(true) ? 1 : 0;
  return sum;
}

TEST(ShareCap, TakesItsShareBeyondTheHeadStart) {
  HeadStart headStart;
  ShareCap cap(10, headStart);
  EXPECT_EQ(taken(cap, HeadStart::kPlaces), HeadStart::kPlaces);
  EXPECT_NEAR(taken(cap, 9'900), 1000, 2) << "which the first hundred have earned, too";
}

TEST(ShareCap, LeavesASampleBelowItAlone) {
  HeadStart headStart;
  ShareCap cap(10, headStart);
  for (int i = 0; i < 100'000; ++i) EXPECT_EQ(cap.take(i % 20 == 0), i % 20 == 0);
}

TEST(ShareCap, WakesOneAfterTheOtherShareOneHeadStart) {
  HeadStart headStart;
  int sum = 0;
  for (int wake = 0; wake < 200; ++wake) {
    ShareCap cap(10, headStart);
    sum += taken(cap, 50);
  }
  EXPECT_LE(sum, HeadStart::kPlaces + 1000);
  EXPECT_GT(sum, HeadStart::kPlaces + 750) << "the share itself is left to them";
}

TEST(ShareCap, MirrorsAtTheSameTimeShareOneHeadStart) {
  HeadStart headStart;
  std::vector<ShareCap> caps(8, ShareCap(10, headStart));
  int sum = 0;
  for (int i = 0; i < 1000; ++i) {
    for (ShareCap& cap : caps) sum += cap.take(true) ? 1 : 0;
  }
  EXPECT_LE(sum, HeadStart::kPlaces + 8 * 100);
  EXPECT_GT(sum, 8 * 100);
}

TEST(ShareCap, WhatOneMirrorDoesNotTakeIsNotAnothers) {
  HeadStart headStart;
  std::vector<ShareCap> idle(7, ShareCap(10, headStart));
  ShareCap greedy(10, headStart);
  int sum = 0;
  for (int i = 0; i < 5000; ++i) {
    for (ShareCap& cap : idle) cap.take(false);
    sum += greedy.take(true) ? 1 : 0;
  }
  EXPECT_LE(sum, HeadStart::kPlaces + 500);
}

TEST(ShareCap, GivesBackWhatItHasBorrowedOnceItHasEarnedIt) {
  HeadStart headStart;
  ShareCap first(10, headStart);
  taken(first, 1000);
  ShareCap second(10, headStart);
  EXPECT_FALSE(second.take(true)) << "nothing is left";
  for (int i = 0; i < 2000; ++i) first.take(false);
  EXPECT_EQ(taken(second, 50), 50);
}

}  // namespace
}  // namespace dormouse::http
