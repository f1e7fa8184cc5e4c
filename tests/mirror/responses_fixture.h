// A mirror that is asked for the pod's responses, and connections with both directions.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mirror/flow_mirror.h"
#include "tests/mirror/fake_sink.h"
#include "tests/support/packets.h"

namespace dormouse::mirror {

using dormouse::testing::FakeSink;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;

/// One connection with both directions; offsets and acknowledgments are kept by it.
struct Talk {
  explicit Talk(std::uint16_t port = 40000) { tcp.client.port = port; }

  Segment syn() const { return tcp.syn(); }
  Segment synAck() const {
    Segment segment = tcp.make(capture::kSyn | capture::kAck, isn);
    segment.acknowledgment = tcp.at(0);
    return turned(segment);
  }
  Segment ask(const std::string& text) {
    TcpClient now = tcp;
    now.ack = isn + 1 + read;
    Segment segment = now.data(sent, text);
    sent += static_cast<std::uint32_t>(text.size());
    return segment;
  }
  /// `acknowledged`: by the client's next segment.
  Segment answer(const std::string& text) {
    Segment segment = tcp.make(capture::kAck | capture::kPsh, isn + 1 + read, text);
    segment.acknowledgment = tcp.at(sent);
    read += static_cast<std::uint32_t>(text.size());
    return turned(segment);
  }
  Segment podFin(std::uint8_t flag = capture::kFin) const {
    Segment segment = tcp.make(static_cast<std::uint8_t>(capture::kAck | flag), isn + 1 + read);
    segment.acknowledgment = tcp.at(sent);
    return turned(segment);
  }
  Segment fin() const { return tcp.fin(sent); }
  Segment rst() const { return tcp.rst(sent); }

  static Segment turned(Segment segment) {
    std::swap(segment.source, segment.destination);
    segment.outbound = true;
    return segment;
  }

  TcpClient tcp;
  std::uint32_t isn = 7'000'000;
  std::uint32_t sent = 0;
  std::uint32_t read = 0;
};

inline std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

inline std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Responses : public ::testing::Test {
 protected:
  void start(bool responses = true, wire::RequestSelection requests = {}) {
    MirrorIdentity identity;
    identity.id = "m-1";
    identity.spec.ports = {8080};
    identity.spec.format = wire::Format::kNdjson;
    identity.spec.responses = responses;
    identity.spec.requests = std::move(requests);
    identity.started = clock_.wallNow();
    mirror_ = std::make_unique<FlowMirror>(identity, capture::LinkType::kRaw, table_, 3, own_,
                                           [this](SinkListener& listener) {
                                             auto sink = std::make_unique<FakeSink>(listener);
                                             sink->takesRaw = takesRaw_;
                                             sink_ = sink.get();
                                             return sink;
                                           });
  }
  void feed(const Segment& segment) {
    feedQuietly(segment);
    EXPECT_TRUE(mirror_->report().ledger.balances());
  }
  /// Without a look at the ledger.
  void feedQuietly(const Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror_->beginBatch(clock_.now());
    mirror_->onPacket({segment.timestamp, bytes, static_cast<std::uint32_t>(bytes.size())});
  }
  void open(const Talk& talk) {
    feedQuietly(talk.syn());
    feedQuietly(talk.synAck());
  }
  void end() {
    mirror_->noteEnd("deleted");
    mirror_->endCapture();
    mirror_->finish();
    EXPECT_TRUE(mirror_->report().ledger.balances());
  }
  wire::Account account() const { return mirror_->report().ledger.responses.value(); }

  ManualClock clock_;
  reassembly::FlowTable table_{reassembly::Limits{}};
  OwnSockets own_{clock_};
  bool takesRaw_ = false;
  FakeSink* sink_ = nullptr;
  std::unique_ptr<FlowMirror> mirror_;
};

}  // namespace dormouse::mirror
