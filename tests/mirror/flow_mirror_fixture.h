// A FlowMirror with a real table, a sink in memory and a clock of the test's.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mirror/flow_mirror.h"
#include "tests/mirror/fake_sink.h"
#include "tests/support/packets.h"

namespace dormouse::mirror {

inline std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

/// After each packet the ledger must balance.
class FlowMirrorTest : public ::testing::Test {
 protected:
  void start(wire::MirrorSpec spec = {}) { start(std::move(spec), table_); }
  void start(wire::MirrorSpec spec, reassembly::FlowTable& table) {
    if (spec.ports.empty()) spec.ports = {8080};
    MirrorIdentity identity;
    identity.id = "m-1";
    identity.owner = "ana";
    identity.spec = std::move(spec);
    identity.started = clock_.wallNow();
    mirror_.reset();  // The slot must be free.
    mirror_ = std::make_unique<FlowMirror>(
        identity, capture::LinkType::kRaw, table, 3, own_, headStart_,
        [this](SinkListener& listener) {
          auto sink = std::make_unique<dormouse::testing::FakeSink>(listener);
          sink->takesRaw = takesRaw_;
          sink_ = sink.get();
          return sink;
        });
  }

  void feed(const dormouse::testing::Segment& segment) {
    feedQuietly(segment);
    expectBalance();
  }
  /// Without a look at the ledger.
  void feedQuietly(const dormouse::testing::Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror_->beginBatch(clock_.now());
    mirror_->onPacket({segment.timestamp, bytes, static_cast<std::uint32_t>(bytes.size())});
  }

  /// A request of a connection of which nothing was captured before.
  dormouse::testing::Segment firstRequest(std::uint16_t port) const {
    dormouse::testing::TcpClient client;
    client.client.port = port;
    dormouse::testing::Segment segment = client.data(0, get("/"));
    segment.timestamp = clock_.wallNow();
    return segment;
  }

  void connection(const dormouse::testing::TcpClient& client, const std::string& payload) {
    feed(client.syn());
    feed(client.data(0, payload));
    feed(client.fin(static_cast<std::uint32_t>(payload.size())));
  }

  void end() {
    mirror_->noteEnd("deleted");
    mirror_->endCapture();
    mirror_->flush(clock_.now());
    mirror_->finish();
    expectBalance();
  }

  wire::Ledger ledger() const { return mirror_->report().ledger; }
  void expectBalance() {
    const wire::Ledger now = ledger();
    EXPECT_TRUE(now.packets.balances());
    EXPECT_TRUE(now.connections.balances());
    EXPECT_TRUE(now.requests.balances());
    EXPECT_TRUE(!now.responses || now.responses->balances());
  }

  ManualClock clock_;
  reassembly::FlowTable table_{reassembly::Limits{}};
  OwnSockets own_{clock_};
  http::HeadStart headStart_;
  bool takesRaw_ = false;  // Of the sink that start() makes.
  dormouse::testing::FakeSink* sink_ = nullptr;
  std::unique_ptr<FlowMirror> mirror_;
};

}  // namespace dormouse::mirror
