// Mirrors of HTTP/1 requests go on behind a hole, by the rule of connections that were open before
// (http/entry_search.h): what is delivered, and how it is counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/mirror/flow_mirror_fixture.h"
#include "tests/mirror/hostile_upload.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::Received;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;
using ::testing::HasSubstr;

std::string get(int number) {
  return "GET /real/" + std::to_string(number) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

class RejoiningTest : public FlowMirrorTest {
 protected:
  void startOfRequests() {
    wire::MirrorSpec spec;
    spec.requests.probes = true;
    start(spec);
  }
  /// The next bytes of the client, who has read something since the last ones.
  Segment next(const std::string& bytes) {
    client_.ack += 100;
    return more(bytes);
  }
  /// The same, but it has read nothing.
  Segment more(const std::string& bytes) {
    Segment segment = client_.data(at_, bytes);
    segment.timestamp = clock_.wallNow();
    at_ += static_cast<std::uint32_t>(bytes.size());
    return segment;
  }
  void pass(Nanos time) {
    clock_.advance(time);
    mirror_->beginBatch(clock_.now());
    table_.expire(clock_.now());
    expectBalance();
  }
  /// What the sink was given, a connection each, in the order of their closing; open ones last.
  std::vector<Received> received() const {
    std::vector<Received> all = sink_->all;
    for (const auto& [handle, one] : sink_->live) all.push_back(one);
    return all;
  }

  TcpClient client_;
  std::uint32_t at_ = 0;
};

TEST_F(RejoiningTest, AHoleCostsTheRequestsThatItTouchesAndTheNextOne) {
  startOfRequests();
  feed(client_.syn());
  feed(next(get(1)));
  next(get(2));  // Never captured.
  feed(next(get(3)));
  feed(next(get(4)));
  feed(next(get(5)));
  EXPECT_EQ(received()[0].bytes, get(1));
  pass(std::chrono::seconds(2));
  feed(next(get(6)));
  ASSERT_EQ(sink_->live.size(), 2U);
  EXPECT_EQ(received()[0].cut, Reason::kGap);
  EXPECT_EQ(received()[1].bytes, get(4) + get(5) + get(6));
  EXPECT_EQ(received()[1].requests, 3);
  EXPECT_FALSE(received()[1].info.fromStart);
  sink_->settleClosed();
  wire::Ledger now = ledger();
  EXPECT_EQ(now.requests.seen, 4U);
  EXPECT_EQ(now.connections.seen, 1U);
  EXPECT_EQ(now.connections.open, 1U) << "its end is still to come";
  EXPECT_EQ(now.packets.skippedFor(Reason::kGap), 2U) << "SYN, 1";

  feed(client_.fin(at_));
  EXPECT_FALSE(mirror_->settled());
  sink_->settleClosed();
  EXPECT_TRUE(mirror_->settled());
  now = ledger();
  EXPECT_EQ(now.requests.delivered, 4U);
  EXPECT_EQ(now.connections.seen, 1U);
  EXPECT_EQ(now.connections.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(now.packets.delivered, 5U) << "3, 4, 5, 6, FIN";
  EXPECT_EQ(mirror_->report().verdict,
            "4 of 4 requests delivered; 1 connection was cut at a packet that never came");
}

TEST_F(RejoiningTest, TheRequestInWhichTheHoleLiesIsCountedAsGap) {
  startOfRequests();
  feed(client_.syn());
  feed(next("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n0123456789"));
  more("0123456789");  // Never captured.
  feed(more("0123456789"));
  feed(next(get(2)));
  pass(std::chrono::seconds(2));
  feed(next(get(3)));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(ledger().requests.seen, 3U);
  ASSERT_EQ(received().size(), 2U);
  EXPECT_EQ(received()[1].bytes, get(2) + get(3)) << "the rest of the body comes first behind it";
  EXPECT_THAT(mirror_->report().verdict, HasSubstr("1 request was cut at a packet that never"));
}

TEST_F(RejoiningTest, WhatComesFirstBehindAHoleIsNoEntryWhateverItLooksLike) {
  startOfRequests();
  feed(client_.syn());
  feed(next(get(1)));
  pass(std::chrono::seconds(10));  // The silence of the rule means nothing behind a hole.
  next("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");  // Never captured.
  const std::string fake = get(66);
  feed(more(fake));
  feed(more(fake));
  pass(std::chrono::seconds(2));
  feed(more(fake));
  EXPECT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(received()[0].bytes, get(1));
  EXPECT_EQ(ledger().requests.seen, 1U);
  end();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kGap), ledger().packets.skippedTotal());
  EXPECT_EQ(ledger().packets.delivered, 0U);
}

TEST_F(RejoiningTest, AConnectionWhoseFirstBytesAreMissingIsJoined) {
  startOfRequests();
  feed(client_.syn());
  pass(std::chrono::seconds(10));
  next(get(1));  // Never captured.
  feed(next(get(2)));
  pass(std::chrono::seconds(2));
  feed(next(get(3)));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(received()[0].bytes, get(3));
  EXPECT_EQ(ledger().connections.seen, 1U);
}

TEST_F(RejoiningTest, AHoleBeforeTheEntryOfAnOpenConnectionCostsNothing) {
  startOfRequests();
  feed(next("the rest of something"));
  next("more of it");  // Never captured.
  feed(next(get(1)));
  pass(std::chrono::seconds(2));
  feed(next(get(2)));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(received()[0].bytes, get(2));
  feed(client_.fin(at_));
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.delivered, 1U);
}

TEST_F(RejoiningTest, ATunnelIsNotRejoined) {
  startOfRequests();
  feed(client_.syn());
  feed(next("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"));
  feed(next("\xff tunnel"));
  next("more of it");  // Never captured.
  feed(next(get(1)));
  pass(std::chrono::seconds(2));
  feed(next(get(2)));
  feed(next(get(3)));
  EXPECT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(ledger().requests.seen, 1U);
}

TEST_F(RejoiningTest, AMirrorOfConnectionsEndsAtAHole) {
  start();
  feed(client_.syn());
  feed(next(get(1)));
  next(get(2));  // Never captured.
  feed(next(get(3)));
  pass(std::chrono::seconds(2));
  feed(next(get(4)));
  feed(next(get(5)));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(received()[0].bytes, get(1));
}

TEST_F(RejoiningTest, ARefusalBehindAHoleEndsTheConnectionAsTheHoleDoes) {
  startOfRequests();
  feed(client_.syn());
  feed(next(get(1)));
  next(get(2));  // Never captured.
  feed(next(get(3)));
  pass(std::chrono::seconds(2));
  sink_->refuseOpen = Reason::kOverBudget;
  feed(next(get(4)));
  sink_->refuseOpen = Reason::kNone;
  feed(next(get(5)));
  sink_->settleClosed();
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(ledger().connections.open, 0U);
}

/// A keep-alive connection of many uploads whose bodies look like requests, of whose segments some
/// are lost, some late, some twice.
class RandomHoles : public RejoiningTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  static constexpr int kLossy = 50;   // Requests during which segments are lost,
  static constexpr int kWhole = 20;   // and after that.
  static constexpr int kSettled = 2;  // Of these, what the last hole may cost.

  bool chance(unsigned percent) { return random_() % 100 < percent; }

  void cut(const std::string& bytes, bool fresh) {
    if (fresh) client_.ack += 1 + static_cast<std::uint32_t>(random_() % 5000);
    const std::size_t middle = 1 + random_() % (bytes.size() - 1);
    if (chance(70)) {
      segments_.push_back(more(bytes));
    } else {
      segments_.push_back(more(bytes.substr(0, middle)));
      segments_.push_back(more(bytes.substr(middle)));
    }
  }
  /// The segments of the next request.
  void request(int number) {
    requests_.push_back({});
    std::string& all = requests_.back();
    if (chance(30)) {
      all = get(number);
      return cut(all, true);
    }
    const Upload upload = hostileUpload(random_, number);
    all = upload.bytes();
    cut(upload.head, true);
    for (const std::string& part : upload.parts) cut(part, false);
  }
  void lose() {
    std::vector<Segment> kept;
    for (const Segment& segment : segments_) {
      if (chance(4)) continue;
      kept.push_back(segment);
      if (chance(3)) kept.push_back(segment);
    }
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (!chance(5)) continue;  // Else it comes late, perhaps too late.
      const auto first = kept.begin() + static_cast<std::ptrdiff_t>(i);
      const std::size_t by = std::min<std::size_t>(1 + random_() % 60, kept.size() - 1 - i);
      std::rotate(first, first + 1, first + static_cast<std::ptrdiff_t>(by) + 1);
    }
    segments_ = std::move(kept);
  }
  void feedAll() {
    for (Segment& segment : std::exchange(segments_, {})) {
      segment.timestamp = clock_.wallNow();
      feed(segment);
      pass(std::chrono::milliseconds(random_() % 80));
      if (chance(10)) sink_->settleClosed();
    }
  }
  /// Takes apart what one connection of the sink has got, and notes its whole requests.
  void note(const Received& one) {
    int whole = 0;
    for (std::size_t at = 0; at < one.bytes.size(); ++whole) {
      const std::size_t name = one.bytes.find("/real/", at);
      if (one.bytes.size() - at < 12 || name == std::string::npos) return;  // Cut in its head.
      const auto number = std::stoul(one.bytes.substr(name + 6, 4));
      ASSERT_LT(number, requests_.size());
      const std::string& sent = requests_[number];
      const std::string got = one.bytes.substr(at, sent.size());
      ASSERT_EQ(got, sent.substr(0, got.size()));
      if (got.size() < sent.size()) break;
      EXPECT_TRUE(delivered_.insert(number).second) << number << " twice";
      at += got.size();
    }
    EXPECT_EQ(one.requests, whole);
  }

  std::mt19937 random_{GetParam()};
  std::vector<Segment> segments_;
  std::vector<std::string> requests_;  // By number.
  std::set<std::size_t> delivered_;
};

TEST_P(RandomHoles, NothingIsInventedNothingComesTwiceAndLaterRequestsArrive) {
  startOfRequests();
  client_.isn = static_cast<std::uint32_t>(random_());
  client_.ack = static_cast<std::uint32_t>(random_());
  feed(client_.syn());
  for (int number = 0; number < kLossy; ++number) request(number);
  lose();
  feedAll();
  for (int number = kLossy; number < kLossy + kWhole; ++number) request(number);
  feedAll();
  pass(std::chrono::seconds(2));
  feed(client_.fin(at_));
  sink_->settleClosed();
  EXPECT_TRUE(sink_->live.empty());
  for (const Received& one : sink_->all) note(one);
  for (std::size_t number = kLossy + kSettled; number < requests_.size(); ++number) {
    EXPECT_TRUE(delivered_.contains(number)) << number;
  }
  const wire::Ledger last = ledger();
  EXPECT_EQ(last.requests.delivered, delivered_.size());
  EXPECT_EQ(last.requests.open, 0U);
  EXPECT_EQ(last.connections.seen, 1U);
  EXPECT_EQ(last.connections.open, 0U);
  EXPECT_EQ(last.packets.open, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHoles, ::testing::Range(1U, 121U));

}  // namespace
}  // namespace dormouse::mirror
