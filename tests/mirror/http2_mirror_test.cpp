// Connections of HTTP/2 through a mirror.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/mirror/flow_mirror_fixture.h"
#include "tests/support/http2_peers.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::Http2Client;
using dormouse::testing::http2Frame;
using dormouse::testing::http2Get;
using dormouse::testing::http2Literals;
using dormouse::testing::http2Post;
using dormouse::testing::Received;
using dormouse::testing::TcpClient;
using ::testing::HasSubstr;

class Http2MirrorTest : public FlowMirrorTest {
 protected:
  /// Sends the next bytes of the connection.
  void send(const std::string& bytes) {
    feed(tcp_.data(sent_, bytes));
    sent_ += static_cast<std::uint32_t>(bytes.size());
  }
  void open(std::uint16_t port = 1000) {
    tcp_.client.port = port;
    sent_ = 0;
    feed(tcp_.syn());
  }
  const Received& only() const {
    EXPECT_EQ(sink_->live.size(), 1U);
    return sink_->live.begin()->second;
  }
  static wire::MirrorSpec byPath(const std::string& path) {
    wire::MirrorSpec spec;
    spec.requests.path = path;
    return spec;
  }

  TcpClient tcp_;
  std::uint32_t sent_ = 0;
  Http2Client h2_;
};

TEST_F(Http2MirrorTest, AMirrorOfConnectionsHandsOnItsRequests) {
  start();
  open();
  const auto first = h2_.request(http2Post("/1"), "ab", false);
  h2_.request(http2Get("/2"));
  send(h2_.take());
  EXPECT_TRUE(only().info.http2);
  EXPECT_EQ(only().bytes, "");
  EXPECT_EQ(ledger().requests.open, 2U);
  h2_.more(first, "cd", true);
  send(h2_.take());
  EXPECT_EQ(only().http2.at(1).text, "POST /1\nabcd");
  EXPECT_EQ(only().http2.at(1).end, "whole");
  EXPECT_EQ(only().http2.at(3).text, "GET /2\n");
  feed(tcp_.fin(sent_));
  sink_->settleClosed();
  EXPECT_EQ(ledger().requests.delivered, 2U);
  EXPECT_EQ(ledger().connections.delivered, 1U);
  EXPECT_EQ(mirror_->report().verdict, "2 of 2 requests delivered");
}

TEST_F(Http2MirrorTest, ByteByByteToo) {
  start();
  open();
  h2_.request(http2Post("/1"), "ab", true, {{"t", "1"}});
  for (const char byte : h2_.take()) send(std::string(1, byte));
  EXPECT_EQ(only().http2.at(1).text, "POST /1\nab\nt=1");
}

TEST_F(Http2MirrorTest, RawMeansTheBytesThemselves) {
  wire::MirrorSpec spec;
  spec.http2 = wire::Http2::kRaw;
  start(spec);
  open();
  h2_.request(http2Get("/"));
  const std::string bytes = h2_.take();
  send(bytes.substr(0, 10));
  send(bytes.substr(10));
  EXPECT_EQ(only().bytes, bytes);
  EXPECT_FALSE(only().info.http2);
  EXPECT_EQ(ledger().requests.seen, 0U);
}

TEST_F(Http2MirrorTest, WhatOnlyBeginsLikeThePrefaceIsPassedOn) {
  start();
  open();
  send("PRI * HTTP/");
  EXPECT_TRUE(sink_->live.empty());
  send("1.1\r\n\r\n");
  EXPECT_EQ(only().bytes, "PRI * HTTP/1.1\r\n\r\n");
  open(1001);
  send("PRI");
  feed(tcp_.fin(sent_));
  EXPECT_EQ(sink_->live.size(), 2U);
  EXPECT_EQ(sink_->live.rbegin()->second.bytes, "PRI");
}

TEST_F(Http2MirrorTest, OnlySelectedRequestsReachTheSink) {
  start(byPath("^/api"));
  open();
  h2_.request(http2Post("/other"), "x");
  const auto mine = h2_.request(http2Post("/api/1"), "y");
  send(h2_.take());
  ASSERT_EQ(only().http2.size(), 1U);
  EXPECT_EQ(only().http2.at(static_cast<std::uint32_t>(mine)).text, "POST /api/1\ny");
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kFiltered), 1U);
}

TEST_F(Http2MirrorTest, ProbesAreLeftOutWhereRequestsAreSelected) {
  auto probe = http2Post("/grpc.health.v1.Health/Check");
  probe.emplace_back("user-agent", "kube-probe/1.34 grpc-go/1.72.1");
  start(byPath("."));
  open();
  h2_.request(probe, "x");
  send(h2_.take());
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kFiltered), 1U);
  Http2Client other;
  start();
  open(1001);
  other.request(probe, "x");
  send(other.take());
  EXPECT_EQ(ledger().requests.open, 1U) << "a mirror of connections leaves nothing out";
}

TEST_F(Http2MirrorTest, HeadersOfHttp2AreSelectedByAsThoseOfHttp1) {
  wire::MirrorSpec spec;
  spec.requests.headers = {{"host", "^a$"}, {"x-user", "ana"}};
  start(spec);
  open();
  auto mine = http2Get("/");
  mine.emplace_back("x-user", "ana");
  h2_.request(http2Get("/"));
  h2_.request(mine);
  send(h2_.take());
  EXPECT_EQ(only().requests, 1);
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kFiltered), 1U);
}

TEST_F(Http2MirrorTest, AResetRequestIsCountedAlone) {
  start();
  open();
  const auto stream = h2_.request(http2Post("/1"), "ab", false);
  h2_.request(http2Get("/2"));
  send(h2_.take());
  h2_.reset(stream);
  send(h2_.take());
  EXPECT_EQ(only().http2.at(1).end, "malformed");
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(ledger().requests.open, 1U);
  EXPECT_EQ(ledger().connections.open, 1U);
}

TEST_F(Http2MirrorTest, ABadHeadIsCountedAlone) {
  start();
  open();
  auto bad = http2Get("/");
  bad.emplace_back("connection", "close");
  h2_.request(bad);
  h2_.request(http2Get("/good"));
  send(h2_.take());
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(only().requests, 1);
}

TEST_F(Http2MirrorTest, AMalformedConnectionIsCutWithItsUnfinishedRequests) {
  start();
  open();
  h2_.request(http2Get("/whole"));
  h2_.request(http2Post("/1"), "ab", false);
  h2_.request(http2Post("/2"), "ab", false);
  send(h2_.take());
  send(http2Frame(5, 4, 1, "1234"));
  EXPECT_EQ(only().cut, Reason::kMalformed);
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 2U);
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(ledger().requests.delivered, 1U);
}

TEST_F(Http2MirrorTest, ASinkThatRefusesEndsTheConnectionAndItsUnfinishedRequests) {
  start();
  open();
  h2_.request(http2Post("/1"), "ab", false);
  const auto second = h2_.request(http2Post("/2"), "ab", false);
  send(h2_.take());
  sink_->refuseData = Reason::kSinkClosed;
  h2_.more(1, "cd", false);
  h2_.more(second, "ef", true);  // Ends within the bytes that are refused.
  h2_.request(http2Get("/third"));
  send(h2_.take());
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kSinkClosed), 3U) << "heads come first";
  EXPECT_EQ(ledger().requests.open, 0U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kSinkClosed), 1U);
}

TEST_F(Http2MirrorTest, TheEndOfTheConnectionBreaksOffWhatIsNotWhole) {
  start(byPath("."));
  open();
  h2_.request(http2Get("/whole"));
  h2_.request(http2Post("/half"), "ab", false);
  const std::string next = [] {
    Http2Client client;
    client.take();
    return http2Frame(1, 0, 5, "");
  }();
  send(h2_.take() + next);
  feed(tcp_.fin(sent_));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 2U) << "one without its head";
  EXPECT_EQ(ledger().requests.open, 1U);
}

TEST_F(Http2MirrorTest, AnOpenConnectionIsTooLate) {
  for (const bool ofRequests : {true, false}) {
    start(ofRequests ? byPath(".") : wire::MirrorSpec{});
    h2_.take();
    h2_.request(http2Get("/"));
    tcp_.client.port = ofRequests ? 2000 : 2001;
    sent_ = 5000;
    send(h2_.take());
    EXPECT_TRUE(sink_->live.empty());
    EXPECT_EQ(ledger().connections.skippedFor(Reason::kJoinedLate), 1U);
    EXPECT_EQ(mirror_->report().verdict,
              "1 connection was open before the mirror; new connections will be seen");
  }
}

constexpr const char* kUpgrade =
    "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAoAAA\r\n\r\n";

TEST_F(Http2MirrorTest, AnUpgradedConnectionIsTwoForTheSinkAndOneInTheLedger) {
  start(byPath("."));
  open();
  send(kUpgrade);
  EXPECT_EQ(only().bytes, "GET /up HTTP/1.1\r\nHost: a\r\n\r\n");
  const ConnectionHandle before = sink_->live.begin()->first;
  // As after an upgrade: stream 1 is the request above.
  send(h2_.take() + http2Frame(1, 4, 3, http2Literals(http2Post("/3"))) +
       http2Frame(0, 1, 3, "ab"));
  ASSERT_EQ(sink_->live.size(), 2U);
  EXPECT_TRUE(sink_->live.at(before).closed);
  EXPECT_EQ(sink_->live.at(before).cut, Reason::kNone);
  const ConnectionHandle after = sink_->live.rbegin()->first;
  EXPECT_TRUE(sink_->live.at(after).info.http2);
  EXPECT_EQ(sink_->live.at(after).http2.at(3).text, "POST /3\nab");
  sink_->settle(before, Reason::kNone);
  EXPECT_EQ(ledger().connections.open, 1U);
  feed(tcp_.fin(sent_));
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.delivered, 1U);
  EXPECT_EQ(ledger().requests.delivered, 2U);
  EXPECT_EQ(ledger().packets.open, 0U);
}

TEST_F(Http2MirrorTest, AnUpgradeThatIsNotGrantedGoesOn) {
  start(byPath("."));
  open();
  send(std::string(kUpgrade) + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(only().requests, 2);
}

TEST_F(Http2MirrorTest, WhatIsRememberedIsBounded) {
  start();
  std::vector<TcpClient> clients;
  for (std::uint16_t i = 0; i < 60; ++i) {
    open(static_cast<std::uint16_t>(1000 + i));
    Http2Client client;
    client.request(http2Get("/"));
    send(client.take() + http2Frame(1, 1, 3, std::string(60000, '\0')));
  }
  EXPECT_GE(ledger().requests.skippedFor(Reason::kOverBudget), 20U);
  EXPECT_GE(ledger().connections.open, 10U);
  end();
}

TEST_F(Http2MirrorTest, TheLedgerBalancesOverRandomSessions) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (int round = 0; round < 40; ++round) {
    start(below(2) == 0 ? byPath("^/a") : wire::MirrorSpec{});
    open(static_cast<std::uint16_t>(3000 + round));
    Http2Client client;
    std::vector<std::int32_t> unfinished;
    for (std::size_t i = 0; i < 20; ++i) {
      const bool whole = below(3) != 0;
      const auto stream = client.request(http2Post(below(2) == 0 ? "/a" : "/b"), "body", whole);
      if (!whole) unfinished.push_back(stream);
      if (!unfinished.empty() && below(3) == 0) {
        if (below(2) == 0)
          client.reset(unfinished.back());
        else
          client.more(unfinished.back(), "more", true);
        unfinished.pop_back();
      }
      if (below(2) == 0) send(client.take());
      if (below(60) == 0) sink_->refuseData = Reason::kSinkClosed;
      if (below(100) == 0) send(http2Frame(5, 4, 1, "1234"));
    }
    if (below(2) == 0) feed(tcp_.fin(sent_));
    sink_->refuseData = Reason::kNone;
    end();
    EXPECT_EQ(ledger().requests.open, 0U) << round;
    EXPECT_EQ(ledger().connections.open, 0U) << round;
  }
}

}  // namespace
}  // namespace dormouse::mirror
