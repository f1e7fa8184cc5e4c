// What a mirror of requests makes of connections.
#include <gtest/gtest.h>

#include "tests/mirror/flow_mirror_fixture.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::endpoint;
using dormouse::testing::TcpClient;

class RequestMirrorTest : public FlowMirrorTest {
 protected:
  static wire::MirrorSpec selecting(const std::string& path) {
    wire::MirrorSpec spec;
    spec.requests.path = path;
    return spec;
  }
};

TEST_F(RequestMirrorTest, OnlySelectedRequestsReachTheSink) {
  start(selecting("^/api"));
  TcpClient client;
  feed(client.syn());
  const std::string all = get("/other") + get("/api/1") + get("/x") + get("/api/2");
  feed(client.data(0, all.substr(0, 70)));
  feed(client.data(70, all.substr(70)));
  ASSERT_EQ(sink_->live.size(), 1U);
  const ConnectionHandle handle = sink_->live.begin()->first;
  EXPECT_EQ(sink_->live.at(handle).bytes, get("/api/1") + get("/api/2"));
  EXPECT_EQ(sink_->live.at(handle).requests, 2);
  EXPECT_EQ(ledger().requests.open, 2U);
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kFiltered), 2U);
  sink_->settleRequest(sink_->live.at(handle).unsettled.front(), Reason::kNone);
  expectBalance();
  EXPECT_EQ(ledger().requests.delivered, 1U);
  feed(client.fin(static_cast<std::uint32_t>(all.size())));
  sink_->settleClosed();
  EXPECT_EQ(ledger().requests.delivered, 2U);
  EXPECT_EQ(mirror_->report().verdict, "2 of 4 requests delivered; 2 requests were filtered out");
}

TEST_F(RequestMirrorTest, AConnectionWithoutASelectedRequestNeverReachesTheSink) {
  start(selecting("^/api"));
  connection(TcpClient{}, get("/other"));
  EXPECT_TRUE(sink_->live.empty());
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kFiltered), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kFiltered), 3U);
  EXPECT_EQ(mirror_->report().verdict, "filter matched 0 of 1 request");
}

TEST_F(RequestMirrorTest, WhatIsNoHttpIsFilteredInAMirrorOfRequests) {
  start(selecting("."));
  connection(TcpClient{}, "EHLO mail\r\n");
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kFiltered), 1U);
  EXPECT_EQ(ledger().requests.seen, 0U);
}

TEST_F(RequestMirrorTest, AMalformedRequestCutsItsConnection) {
  start(selecting("^/api"));
  TcpClient client;
  feed(client.syn());
  const std::string bad = "POST /api HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
  feed(client.data(0, get("/api") + bad));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, get("/api"));
  EXPECT_EQ(sink_->live.begin()->second.cut, Reason::kMalformed);
  sink_->settle(sink_->live.begin()->first, Reason::kNone);
  expectBalance();
  EXPECT_EQ(ledger().requests.delivered, 1U);
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kMalformed), 1U);
}

TEST_F(RequestMirrorTest, ARequestThatIsBrokenOffIsNotDelivered) {
  start(selecting("."));
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
  connection(TcpClient{}, post);
  sink_->settleClosed();
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(ledger().connections.delivered, 1U);
}

TEST_F(RequestMirrorTest, ARequestThatDoesNotFitIsShedAlone) {
  start(selecting("."));
  TcpClient client;
  feed(client.syn());
  sink_->refuseRequest = Reason::kOverBudget;
  feed(client.data(0, get("/1")));
  sink_->refuseRequest = Reason::kNone;
  const auto length = static_cast<std::uint32_t>(get("/1").size());
  feed(client.data(length, get("/2")));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, get("/2"));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kOverBudget), 1U);
}

TEST_F(RequestMirrorTest, ASinkThatCutsAConnectionTakesItsUnfinishedRequestAlong) {
  start(selecting("."));
  TcpClient client;
  feed(client.syn());
  const std::string both =
      get("/1") + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhalf";
  feed(client.data(0, both));
  sink_->refuseData = Reason::kSinkClosed;
  feed(client.data(static_cast<std::uint32_t>(both.size()), "more"));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kSinkClosed), 1U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kSinkClosed), 1U);
  EXPECT_EQ(ledger().requests.open, 1U) << "the first one may still reach the receiver";
  EXPECT_FALSE(mirror_->settled());
  sink_->settleLeft(Reason::kNone);
  EXPECT_EQ(ledger().requests.delivered, 1U);
  EXPECT_TRUE(mirror_->settled());
}

TEST_F(RequestMirrorTest, ARequestWhoseEndComesWithTheRefusalIsCountedOnce) {
  start(selecting("."));
  TcpClient client;
  feed(client.syn());
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
  feed(client.data(0, head));
  sink_->refuseData = Reason::kOverBudget;
  feed(client.data(static_cast<std::uint32_t>(head.size()), "body" + get("/next")));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().requests.open, 0U);
  EXPECT_EQ(ledger().requests.seen, 1U) << "the connection ended before the next one";
}

TEST_F(RequestMirrorTest, ATunnelFollowsItsRequest) {
  start(selecting("^/chat"));
  TcpClient client;
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  connection(client, upgrade + "\x81\x01x");
  sink_->settleClosed();
  ASSERT_EQ(sink_->all.size(), 1U);
  EXPECT_EQ(sink_->all[0].bytes, upgrade + "\x81\x01x");
}

TEST_F(RequestMirrorTest, HeadsThatNeverEndAreBounded) {
  start(selecting("."));
  const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(60000, 'x');
  for (std::uint16_t i = 0; i < 40; ++i) {
    TcpClient client;
    client.client = endpoint("10.1.0.1", static_cast<std::uint16_t>(1000 + i));
    feed(client.syn());
    feed(client.data(0, head));
  }
  EXPECT_GE(ledger().connections.skippedFor(Reason::kOverBudget), 20U);
  EXPECT_GE(ledger().connections.open, 10U);
  end();
}

// A sink that settles nothing, as one whose reader has stalled.
TEST_F(RequestMirrorTest, HeadsThatNeverEndAreForgottenWithTheirConnections) {
  start(selecting("."));
  const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(60000, 'x');
  const auto connect = [&](std::uint16_t port) {
    TcpClient client;
    client.client = endpoint("10.1.0.1", port);
    feed(client.syn());
    feed(client.data(0, get("/")));
    feed(client.data(static_cast<std::uint32_t>(get("/").size()), head));
    return client;
  };
  const auto length = static_cast<std::uint32_t>(get("/").size() + head.size());
  for (std::uint16_t i = 0; i < 40; ++i)
    feed(connect(static_cast<std::uint16_t>(1000 + i)).fin(length));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kOverBudget), 0U) << "none was open beside it";
  for (std::uint16_t i = 0; i < 40; ++i) connect(static_cast<std::uint16_t>(2000 + i));
  const std::uint64_t cut = ledger().requests.skippedFor(Reason::kOverBudget);
  EXPECT_GE(cut, 20U);
  EXPECT_LT(cut, 30U) << "those that were cut hold nothing";
}

TEST_F(RequestMirrorTest, ARequestThatTheSinkRefusesIsCountedOnce) {
  for (const bool atOpening : {true, false}) {
    SCOPED_TRACE(atOpening);
    start(selecting("."));
    (atOpening ? sink_->refuseOpen : sink_->refuseData) = Reason::kSinkRefused;
    connection(TcpClient{}, get("/1"));
    EXPECT_EQ(ledger().requests.seen, 1U);
    EXPECT_EQ(ledger().requests.skippedFor(Reason::kSinkRefused), 1U);
    end();
    mirror_.reset();
  }
}

TEST_F(RequestMirrorTest, AFirstRequestWhoseHeadIsCutOffIsMalformed) {
  start(selecting("."));
  connection(TcpClient{}, "GET / HTTP/1.1\r\nHos");
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kMalformed), 1U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kMalformed), 1U);
}

TEST_F(RequestMirrorTest, ATunnelThatEndsUndecidedIsDeliveredWhole) {
  start(selecting("."));
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: line\r\n\r\n";
  connection(TcpClient{}, upgrade + "HELP");  // It might have become a method.
  sink_->settleClosed();
  ASSERT_EQ(sink_->all.size(), 1U);
  EXPECT_EQ(sink_->all[0].bytes, upgrade + "HELP");
  EXPECT_EQ(ledger().requests.delivered, 1U);
}

TEST_F(RequestMirrorTest, ATunnelGoesOnWhateverItLooksLike) {
  start(selecting("^/chat"));
  TcpClient client;
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: line\r\n\r\n\xff";
  feed(client.syn());
  feed(client.data(0, upgrade));
  feed(client.data(static_cast<std::uint32_t>(upgrade.size()), get("/other")));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, upgrade + get("/other"));
  EXPECT_EQ(ledger().requests.seen, 1U);
}

TEST_F(RequestMirrorTest, SmallChunksAreHandedOnTogether) {
  start(selecting("."));
  TcpClient client;
  std::string all = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) all += "1\r\nx\r\n";
  all += "0\r\n\r\n" + get("/next");
  const std::size_t half = all.size() / 2;
  feed(client.syn());
  feed(client.data(0, all.substr(0, half)));
  feed(client.data(static_cast<std::uint32_t>(half), all.substr(half)));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, all);
  EXPECT_EQ(sink_->live.begin()->second.requests, 2);
  EXPECT_EQ(sink_->bodyCalls, 2);
}

TEST_F(RequestMirrorTest, TheRateIsNotSpentOnWhatTheSinkWouldNotTake) {
  wire::MirrorSpec spec;
  spec.requests.rate = 1;
  start(spec);
  TcpClient client;
  feed(client.syn());
  sink_->refuseRequest = Reason::kOverBudget;
  feed(client.data(0, get("/1")));
  sink_->refuseRequest = Reason::kNone;
  feed(client.data(static_cast<std::uint32_t>(get("/1").size()), get("/2")));
  EXPECT_EQ(ledger().requests.skippedFor(Reason::kRateCapped), 0U);
  EXPECT_EQ(ledger().requests.open, 1U);
}

}  // namespace
}  // namespace dormouse::mirror
