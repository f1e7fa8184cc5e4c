// The ledger's promise for requests, under random interleavings of traffic, refusals and fates.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/mirror/flow_mirror_fixture.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::endpoint;
using dormouse::testing::TcpClient;

/// One client's connection: what it will send, and how far it is.
struct Script {
  TcpClient client;
  std::string bytes;
  std::size_t sent = 0;
  bool over = false;
};

class RequestLedgerTest : public FlowMirrorTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::size_t upTo(std::size_t n) { return random_() % (n + 1); }

  std::string request() {
    const std::string path = chance(60) ? "/api/x" : "/other";
    const std::string host = " HTTP/1.1\r\nHost: a\r\n";
    switch (random_() % 10) {
      case 0:
        return "POST " + path + host + "Transfer-Encoding: chunked\r\n\r\n" +
               "5\r\nhello\r\n0\r\n\r\n";
      case 1: {
        const std::string body = "GET /fake HTTP/1.1\r\nHost: b\r\n\r\n";
        return "PUT " + path + host + "Content-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
      }
      case 2:
        return chance(20) ? "GET " + path + " HTTP/1.1\r\nbroken\r\n\r\n"
                          : "GET " + path + host + "\r\n";
      case 3:
        if (chance(30)) {
          return "GET " + path + host + "Connection: upgrade\r\nUpgrade: x\r\n\r\n\xff tunnel";
        }
        [[fallthrough]];
      default:
        return "GET " + path + host + "\r\n";
    }
  }

  Script script(std::uint16_t port) {
    Script script;
    script.client.client = endpoint("10.1.0.1", port);
    for (std::size_t i = 0, count = 1 + upTo(5); i < count; ++i) script.bytes += request();
    if (chance(20)) script.bytes.resize(upTo(script.bytes.size()));  // It leaves in the middle.
    if (chance(10)) script.bytes = "EHLO mail\r\n";
    return script;
  }

  /// The next segment of one connection, or its end.
  void advance(Script& script) {
    const auto at = static_cast<std::uint32_t>(script.sent);
    if (script.sent == script.bytes.size() || chance(2)) {
      feed(chance(80) ? script.client.fin(at) : script.client.rst(at));
      script.over = true;
      return;
    }
    const std::size_t size = std::min(1 + upTo(60), script.bytes.size() - script.sent);
    if (!chance(2)) feed(script.client.data(at, script.bytes.substr(script.sent, size)));
    script.sent += size;  // Else it is lost, and the connection ends as a gap.
  }

  /// The receiver's side: refusals and fates.
  void stir() {
    sink_->refuseOpen = chance(5) ? Reason::kOverBudget : Reason::kNone;
    sink_->refuseRequest = chance(10) ? Reason::kOverBudget : Reason::kNone;
    sink_->refuseData = chance(4) ? Reason::kOverBudget : Reason::kNone;
    if (sink_->live.empty()) return;
    auto one = sink_->live.begin();
    std::advance(one, static_cast<std::ptrdiff_t>(upTo(sink_->live.size() - 1)));
    if (chance(30) && !one->second.unsettled.empty()) {
      sink_->settleRequest(one->second.unsettled.front(),
                           chance(90) ? Reason::kNone : Reason::kOverBudget);
    } else if (chance(10) && (one->second.closed || chance(20))) {
      sink_->settle(one->first, one->second.closed ? one->second.cut : Reason::kSinkClosed);
    }
    if (chance(5)) sink_->settleLeft(chance(50) ? Reason::kNone : Reason::kSinkClosed);
  }

  /// Requests whose end the sink was told and whose fate it has not told: all that may be open,
  /// beside one unfinished request of each connection.
  std::uint64_t untold() const {
    std::uint64_t count = sink_->left.size();
    for (const auto& [handle, received] : sink_->live) count += received.unsettled.size();
    return count;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(RequestLedgerTest, SeenIsDeliveredPlusOpenPlusSkippedAtEveryMoment) {
  wire::MirrorSpec spec;
  if (chance(50)) spec.requests.path = "^/api";
  if (chance(30)) spec.requests.percent = 50;
  if (chance(30)) spec.requests.rate = 20;
  if (spec.requests == wire::RequestSelection{}) spec.requests.probes = true;
  start(spec);
  std::vector<Script> scripts;
  for (std::uint16_t port = 1000; port < 1012; ++port) scripts.push_back(script(port));
  for (Script& one : scripts) feed(one.client.syn());
  std::uint64_t seen = 0;
  for (int step = 0; step < 600; ++step) {
    Script& one = scripts[upTo(scripts.size() - 1)];
    if (one.over && chance(20)) {  // The port is used again.
      const std::uint16_t port = one.client.client.port;
      const std::uint32_t before = one.client.isn;
      one = script(port);
      one.client.isn = before + 1'000'000;
      feed(one.client.syn());
    } else if (!one.over) {
      advance(one);
    }
    stir();
    expectBalance();
    if (HasFailure()) return;
    const wire::Account requests = ledger().requests;
    EXPECT_GE(requests.seen, seen) << "what was seen stays seen";
    seen = requests.seen;
    EXPECT_GE(requests.open, untold());
    EXPECT_LE(requests.open, untold() + sink_->live.size()) << "one unfinished for a connection";
    clock_.advance(std::chrono::milliseconds(upTo(100)));
    table_.expire(clock_.now());
  }
  end();
  const wire::Ledger last = ledger();
  EXPECT_EQ(last.requests.open, 0U);
  EXPECT_EQ(last.connections.open, 0U);
  EXPECT_EQ(last.packets.open, 0U);
  EXPECT_GT(last.requests.seen, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RequestLedgerTest, ::testing::Range(1U, 101U));

}  // namespace
}  // namespace dormouse::mirror
