// What a mirror makes of connections: their beginnings and ends, and the ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/mirror/flow_mirror_fixture.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::endpoint;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;
using ::testing::HasSubstr;

TEST_F(FlowMirrorTest, DeliversAConnectionAndCountsItOnceTheSinkHasSettledIt) {
  start();
  connection(TcpClient{}, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(ledger().connections.open, 1U);
  EXPECT_EQ(ledger().packets.open, 3U);
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.delivered, 1U);
  EXPECT_EQ(ledger().connections.open, 0U);
  EXPECT_EQ(ledger().packets.delivered, 3U);
  EXPECT_EQ(ledger().bytes, 18U);
  ASSERT_EQ(sink_->all.size(), 1U);
  EXPECT_EQ(sink_->all[0].bytes, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(sink_->all[0].cut, Reason::kNone);
  EXPECT_EQ(mirror_->report().verdict, "1 of 1 connection delivered");
}

TEST_F(FlowMirrorTest, AConnectionWithoutPayloadIsEmptyAndNeverReachesTheSink) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.fin(0));
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kEmpty), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kEmpty), 2U);
  EXPECT_TRUE(sink_->live.empty());
}

TEST_F(FlowMirrorTest, ConnectionsOpenBeforeTheMirrorAreNamedInTheVerdict) {
  start();
  TcpClient client;
  feed(client.data(0, "rest of something"));
  feed(client.data(17, "and more of it"));
  EXPECT_THAT(mirror_->report().verdict,
              HasSubstr("1 connection was open before the mirror: to be joined"));
  EXPECT_TRUE(sink_->live.empty());
  end();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kJoinedLate), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kJoinedLate), 2U);
  EXPECT_EQ(mirror_->report().verdict,
            "1 connection was open before the mirror; new connections will be seen");
}

TEST_F(FlowMirrorTest, AnOpenConnectionIsJoinedAtItsFirstAnsweredRequest) {
  start();
  TcpClient client;
  const std::string request = get("/");
  const auto length = static_cast<std::uint32_t>(request.size());
  feed(client.data(0, request));
  EXPECT_TRUE(sink_->live.empty());
  Segment half = client.data(length, request.substr(0, 20));
  half.acknowledgment += 100;
  feed(half);
  EXPECT_TRUE(sink_->live.empty()) << "its head is not complete";
  Segment rest = client.data(length + 20, request.substr(20) + "anything");
  rest.acknowledgment += 100;
  feed(rest);
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_FALSE(sink_->live.begin()->second.info.fromStart);
  feed(client.data(2 * length + 8, "\xff no HTTP"));
  EXPECT_EQ(sink_->live.begin()->second.bytes, request + "anything\xff no HTTP");
  feed(client.fin(2 * length + 17));
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.delivered, 1U);
  EXPECT_EQ(ledger().requests.seen, 0U);
}

TEST_F(FlowMirrorTest, ASilentConnectionIsJoinedAtItsFirstSegment) {
  start();
  mirror_->flush(clock_.now());
  clock_.advance(std::chrono::seconds(1));
  feed(firstRequest(1000));
  EXPECT_EQ(sink_->live.size(), 1U);
}

TEST_F(FlowMirrorTest, SilenceIsCountedUpToThePacketsOwnTime) {
  start();
  mirror_->flush(clock_.now());
  clock_.advance(std::chrono::milliseconds(900));
  const Segment early = firstRequest(1000);
  clock_.advance(std::chrono::seconds(3));  // It lay in the ring for so long.
  feed(early);
  EXPECT_TRUE(sink_->live.empty());
}

TEST_F(FlowMirrorTest, WhatTheKernelHasDroppedIsNoSilence) {
  start();
  mirror_->flush(clock_.now());
  clock_.advance(std::chrono::seconds(1));
  mirror_->noteKernelDrops(1);
  feed(firstRequest(1000));
  EXPECT_TRUE(sink_->live.empty());
}

TEST_F(FlowMirrorTest, WhatTheTableHasForgottenIsNoSilence) {
  reassembly::Limits limits;
  limits.maxFlows = 1;
  reassembly::FlowTable small(limits);
  start({}, small);
  mirror_->flush(clock_.now());
  clock_.advance(std::chrono::milliseconds(500));
  Segment body = firstRequest(1000);
  body.payload = "within a body";
  feed(body);
  clock_.advance(std::chrono::milliseconds(500));
  feed(firstRequest(1001));
  EXPECT_TRUE(sink_->live.empty()) << "this one may have been there before, too";
  Segment inner = firstRequest(1000);
  inner.sequence += static_cast<std::uint32_t>(body.payload.size());
  feed(inner);
  EXPECT_TRUE(sink_->live.empty());
  mirror_.reset();
}

TEST_F(FlowMirrorTest, MidstreamRawJoinsAnOpenConnectionAndSaysSo) {
  wire::MirrorSpec spec;
  spec.midstream = wire::Midstream::kRaw;
  start(spec);
  TcpClient client;
  feed(client.data(0, "rest"));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, "rest");
  EXPECT_FALSE(sink_->live.begin()->second.info.fromStart);
}

TEST_F(FlowMirrorTest, TlsIsRecognisedByItsFirstBytesHoweverTheyAreCut) {
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (std::uint32_t cut = 1; cut < 8; ++cut) {
    start();
    TcpClient client;
    feed(client.syn());
    feed(client.data(0, hello.substr(0, cut)));
    feed(client.data(cut, hello.substr(cut)));
    feed(client.data(11, "ciphertext"));
    EXPECT_EQ(ledger().connections.skippedFor(Reason::kTls), 1U) << cut;
    EXPECT_EQ(ledger().packets.skippedFor(Reason::kTls), 4U) << cut;
    EXPECT_TRUE(sink_->live.empty()) << cut;
    EXPECT_EQ(mirror_->report().verdict, "traffic on port 8080 is TLS: 1 connection skipped");
    mirror_.reset();
  }
}

TEST_F(FlowMirrorTest, BytesThatOnlyLookedLikeTlsAreDeliveredWhole) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, std::string("\x16\x03", 2)));
  EXPECT_TRUE(sink_->live.empty());
  feed(client.data(2, "no hello"));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, std::string("\x16\x03no hello", 10));
}

TEST_F(FlowMirrorTest, AConnectionThatEndsUndecidedIsDelivered) {
  start();
  connection(TcpClient{}, "\x16");
  sink_->settleClosed();
  ASSERT_EQ(sink_->all.size(), 1U);
  EXPECT_EQ(sink_->all[0].bytes, "\x16");
  EXPECT_EQ(ledger().connections.delivered, 1U);
}

TEST_F(FlowMirrorTest, OnlyTheNamedSourcesAreSelected) {
  wire::MirrorSpec spec;
  spec.sources = {*Network::parse("192.168.0.0/16")};
  start(spec);
  connection(TcpClient{}, "from 10.0.0.1");
  TcpClient chosen;
  chosen.client = endpoint("192.168.7.7", 5);
  EXPECT_EQ(mirror_->report().verdict, "filter matched 0 of 1 connection");
  connection(chosen, "from 192.168.7.7");
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kFiltered), 1U);
  EXPECT_EQ(ledger().connections.delivered, 1U);
}

TEST_F(FlowMirrorTest, TheSidecarsOwnConnectionsAreNotMirrored) {
  start();
  TcpClient client;
  own_.add(client.client);
  connection(client, "an echo");
  EXPECT_TRUE(sink_->live.empty());
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kFiltered), 1U);
}

TEST_F(FlowMirrorTest, ARefusalAtOpeningSettlesTheConnectionAtOnce) {
  start();
  sink_->refuseOpen = Reason::kOverBudget;
  connection(TcpClient{}, "x");
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().connections.open, 0U);
  EXPECT_EQ(ledger().packets.open, 0U);
}

TEST_F(FlowMirrorTest, ARefusedWriteShedsTheWholeConnectionAndItsLaterPackets) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, "first"));
  sink_->refuseData = Reason::kOverBudget;
  feed(client.data(5, "second"));
  sink_->refuseData = Reason::kNone;
  feed(client.data(11, "third"));
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kOverBudget), 4U);
  EXPECT_TRUE(sink_->live.empty());
}

TEST_F(FlowMirrorTest, AReceiverThatGoesAwayEarlyEndsTheFlowForGood) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, "first"));
  sink_->troubleText = "nothing listens on 127.0.0.1:3000";
  sink_->settle(sink_->live.begin()->first, Reason::kSinkRefused);
  expectBalance();
  feed(client.data(5, "second"));
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kSinkRefused), 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kSinkRefused), 3U);
  EXPECT_EQ(mirror_->report().verdict, "nothing listens on 127.0.0.1:3000: 1 connection skipped");
}

TEST_F(FlowMirrorTest, AGapCutsTheConnectionAndIsNotCountedTwice) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, "one"));
  feed(client.data(10, "late"));
  clock_.advance(std::chrono::seconds(3));
  table_.expire(clock_.now());
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.cut, Reason::kGap);
  // The sink reports that it has passed the cut on; the cause stays the gap.
  sink_->settle(sink_->live.begin()->first, Reason::kNone);
  feed(client.data(14, "more"));
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(ledger().connections.seen, 1U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kGap), 4U);
}

TEST_F(FlowMirrorTest, WhatIsOpenAtTheEndIsCountedAsMirrorEndedAndTheLedgerClosesAtZero) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, "half"));
  end();
  EXPECT_EQ(ledger().connections.open, 0U);
  EXPECT_EQ(ledger().packets.open, 0U);
  EXPECT_EQ(ledger().connections.skippedFor(Reason::kMirrorEnded), 1U);
  EXPECT_THAT(sink_->finalReport, HasSubstr("\"mirror-ended\":1"));
  EXPECT_THAT(sink_->finalReport, HasSubstr("\"state\":\"ended\""));
}

TEST_F(FlowMirrorTest, RetransmissionsAndFragmentsAreCountedAlone) {
  start();
  TcpClient client;
  feed(client.syn());
  feed(client.data(0, "bytes"));
  feed(client.data(0, "bytes"));
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kDuplicate), 1U);
  std::vector<std::uint8_t> fragment = dormouse::testing::ipBytes(client.data(5, "abc"));
  fragment[6] = 0x20;  // More fragments.
  mirror_->onPacket({{}, fragment, static_cast<std::uint32_t>(fragment.size())});
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kFragment), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, "bytes");
}

TEST_F(FlowMirrorTest, KernelDropsAreSeenAndSkipped) {
  start();
  mirror_->noteKernelDrops(5);
  mirror_->noteKernelDrops(7);
  EXPECT_EQ(ledger().packets.seen, 7U);
  EXPECT_EQ(ledger().packets.skippedFor(Reason::kKernelDrop), 7U);
  EXPECT_THAT(mirror_->report().verdict, HasSubstr("the kernel dropped 7 packets"));
}

TEST_F(FlowMirrorTest, UdpDatagramsKeepTheirBoundsAndTheFlowEndsBySilence) {
  wire::MirrorSpec spec;
  spec.protocol = wire::Protocol::kUdp;
  start(spec);
  Segment datagram;
  datagram.transport = capture::Transport::kUdp;
  datagram.source = endpoint("10.0.0.1", 5353);
  datagram.destination = endpoint("10.0.0.2", 8080);
  datagram.payload = "query";
  feed(datagram);
  feed(datagram);
  clock_.advance(std::chrono::seconds(61));
  table_.expire(clock_.now());
  sink_->settleClosed();
  EXPECT_EQ(ledger().connections.delivered, 1U);
  EXPECT_EQ(ledger().packets.delivered, 2U);
  EXPECT_EQ(sink_->all.at(0).bytes, "queryquery");
}

TEST_F(FlowMirrorTest, ALostSinkLeavesTheMirrorWithoutPurpose) {
  start();
  EXPECT_TRUE(mirror_->lostPurpose().empty());
  sink_->lose("reader gone");
  EXPECT_EQ(mirror_->lostPurpose(), "reader gone");
}

// Whatever comes in whatever order, the ledger balances and ends at zero open.
TEST_F(FlowMirrorTest, TheLedgerBalancesUnderRandomTrafficAndRandomRefusals) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    start();
    const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
    for (int step = 0; step < 400; ++step) {
      TcpClient client;
      client.client.port = static_cast<std::uint16_t>(1000 + random() % 12);
      client.isn = static_cast<std::uint32_t>(random() % 3) * 100000;
      const auto at = static_cast<std::uint32_t>(random() % 40);
      sink_->refuseOpen = chance(10) ? Reason::kOverBudget : Reason::kNone;
      sink_->refuseData = chance(5) ? Reason::kOverBudget : Reason::kNone;
      switch (random() % 6) {
        case 0:
          feed(client.syn());
          break;
        case 1:
          feed(client.fin(at));
          break;
        case 2:
          feed(client.rst(at));
          break;
        default:
          feed(client.data(at, std::string(1 + random() % 20, 'x')));
          break;
      }
      if (chance(10)) sink_->settleClosed();
      if (chance(3) && !sink_->live.empty()) {
        sink_->settle(sink_->live.begin()->first, Reason::kSinkClosed);
      }
      clock_.advance(std::chrono::milliseconds(random() % 200));
      table_.expire(clock_.now());
      expectBalance();
    }
    end();
    EXPECT_EQ(ledger().connections.open, 0U);
    EXPECT_EQ(ledger().packets.open, 0U);
    mirror_.reset();
  }
}

}  // namespace
}  // namespace dormouse::mirror
