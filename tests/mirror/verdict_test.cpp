#include "mirror/verdict.h"

#include <gtest/gtest.h>

namespace dormouse::mirror {
namespace {

wire::MirrorSpec onPort(std::uint16_t port) {
  wire::MirrorSpec spec;
  spec.ports = {port};
  spec.to = "127.0.0.1:3000";
  return spec;
}

wire::Ledger connections(std::uint64_t delivered, std::uint64_t open = 0) {
  wire::Ledger ledger;
  ledger.connections.seen = delivered + open;
  ledger.connections.delivered = delivered;
  ledger.connections.open = open;
  return ledger;
}

std::string live(const wire::Ledger& ledger, std::string_view trouble = {}) {
  return verdict(ledger, onPort(8080), false, trouble);
}

TEST(Verdict, SaysWhenNothingCame) {
  EXPECT_EQ(live({}), "no traffic on port 8080 yet");
  EXPECT_EQ(verdict({}, onPort(8080), true, {}), "no traffic on port 8080 was seen");
}

TEST(Verdict, CountsWhatWasDelivered) {
  EXPECT_EQ(live(connections(412)), "412 of 412 connections delivered");
  EXPECT_EQ(live(connections(3, 2)), "3 of 5 connections delivered, 2 open");
}

TEST(Verdict, EmptyConnectionsAreNobodysLoss) {
  wire::Ledger ledger = connections(2);
  ledger.connections.skip(Reason::kEmpty, 9);
  EXPECT_EQ(live(ledger), "2 of 2 connections delivered");
  wire::Ledger probes;
  probes.connections.skip(Reason::kEmpty, 9);
  EXPECT_EQ(live(probes), "no payload on port 8080: 9 empty connections");
}

TEST(Verdict, ASingleCauseIsTheNews) {
  wire::Ledger tls;
  tls.connections.skip(Reason::kTls, 31);
  EXPECT_EQ(live(tls), "traffic on port 8080 is TLS: 31 connections skipped");
  wire::Ledger refused;
  refused.connections.skip(Reason::kSinkRefused, 2);
  EXPECT_EQ(live(refused, "nothing listens on 127.0.0.1:3000"),
            "nothing listens on 127.0.0.1:3000: 2 connections skipped");
  wire::Ledger late;
  late.connections.skip(Reason::kJoinedLate, 5);
  EXPECT_EQ(live(late), "5 connections were open before the mirror; new connections will be seen");
  wire::Ledger filtered;
  filtered.connections.skip(Reason::kFiltered, 412);
  EXPECT_EQ(live(filtered), "filter matched 0 of 412 connections");
}

TEST(Verdict, SeveralCausesFollowTheShareMostFrequentFirst) {
  wire::Ledger ledger = connections(10);
  ledger.connections.skip(Reason::kGap, 1);
  ledger.connections.skip(Reason::kOverBudget, 3);
  ledger.packets.skip(Reason::kKernelDrop, 4);
  EXPECT_EQ(live(ledger),
            "10 of 14 connections delivered; 3 connections were shed because the receiver was too "
            "slow; 1 connection was cut at a packet that never came; the kernel dropped 4 packets");
}

TEST(Verdict, PcapCountsPackets) {
  wire::MirrorSpec spec;
  spec.ports = {80, 443};
  spec.format = wire::Format::kPcap;
  wire::Ledger ledger;
  EXPECT_EQ(verdict(ledger, spec, true, {}), "no traffic on ports 80, 443 was seen");
  ledger.packets.seen = ledger.packets.delivered = 1;
  EXPECT_EQ(verdict(ledger, spec, false, {}), "1 of 1 packet delivered");
}

/// In a mirror of requests.
std::string liveOfRequests(const wire::Ledger& ledger) {
  wire::MirrorSpec spec = onPort(8080);
  spec.requests.path = "^/";
  return verdict(ledger, spec, false, {});
}

TEST(Verdict, CountsRequestsWhereThereAreAny) {
  wire::Ledger ledger = connections(3, 1);
  ledger.requests.seen = ledger.requests.delivered = 412;
  EXPECT_EQ(liveOfRequests(ledger), "412 of 412 requests delivered");
  EXPECT_EQ(live(ledger), "412 of 412 requests delivered; 3 of 4 connections delivered, 1 open")
      << "of connections, only those of HTTP/2 are followed by requests";
  ledger.requests.skip(Reason::kSampledOut, 3);
  ledger.requests.skip(Reason::kRateCapped, 2);
  wire::MirrorSpec spec = onPort(8080);
  spec.requests.rate = 50;
  EXPECT_EQ(
      verdict(ledger, spec, false, {}),
      "412 of 417 requests delivered; 3 requests were not in the sample; 2 requests were above "
      "the rate of 50 a second");
  ledger.connections.skip(Reason::kTls, 2);
  EXPECT_TRUE(
      liveOfRequests(ledger).ends_with("; traffic on port 8080 is TLS: 2 connections skipped"));
}

TEST(Verdict, AFilterThatMatchesNoRequestIsTheNews) {
  wire::Ledger ledger;
  ledger.connections.skip(Reason::kFiltered, 4);
  ledger.requests.skip(Reason::kFiltered, 412);
  EXPECT_EQ(liveOfRequests(ledger), "filter matched 0 of 412 requests");
}

TEST(Verdict, ConnectionsThatWaitToBeJoinedAreNamed) {
  EXPECT_EQ(
      verdict(connections(0, 2), onPort(8080), false, {}, 2),
      "0 of 2 connections delivered, 2 open; 2 connections were open before the mirror: to be "
      "joined at the next request");
}

}  // namespace
}  // namespace dormouse::mirror
