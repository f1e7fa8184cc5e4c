#include "wire/frames.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace dormouse::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Writes every event down as a line, so that two decodings compare as text.
class Script final : public FrameHandler {
 public:
  void onOpen(const OpenFrame& frame) override {
    add("open " + std::to_string(frame.connection) + " " +
        std::string(protocolName(frame.protocol)) + (frame.fromStart ? " start " : " middle ") +
        std::to_string(frame.timestamp.time_since_epoch().count()) + " " + frame.client.toString() +
        " " + frame.server.toString());
  }
  void onData(std::uint64_t connection, std::span<const std::uint8_t> bytes) override {
    add("data " + std::to_string(connection) + " " + std::string(bytes.begin(), bytes.end()));
  }
  void onClose(const CloseFrame& frame) override {
    add("close " + std::to_string(frame.connection) + " " + std::string(reasonName(frame.reason)) +
        (frame.reset ? " reset" : ""));
  }
  void onLedger(std::string_view json) override { add("ledger " + std::string(json)); }
  void onHeartbeat() override { add("heartbeat"); }

  const std::string& text() const { return text_; }

 private:
  void add(const std::string& line) { text_ += line + "\n"; }
  std::string text_;
};

OpenFrame openFrame(std::uint64_t connection, Protocol protocol = Protocol::kTcp) {
  OpenFrame frame;
  frame.connection = connection;
  frame.protocol = protocol;
  frame.timestamp = WallTime(Nanos(1'700'000'000'123'456'789));
  frame.client = {*IpAddress::parse("10.1.2.3"), 40000};
  frame.server = {*IpAddress::parse("2001:db8::1"), 8080};
  return frame;
}

std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string decode(const Bytes& stream, std::size_t chunk = 0) {
  Script script;
  FrameDecoder decoder(script);
  if (chunk == 0) chunk = std::max<std::size_t>(1, stream.size());
  std::span<const std::uint8_t> rest(stream);
  while (!rest.empty()) {
    const std::size_t n = std::min(chunk, rest.size());
    decoder.feed(rest.first(n));
    rest = rest.subspan(n);
  }
  return script.text() + (decoder.atBoundary() ? "|" : "...");
}

Bytes sample() {
  Bytes out;
  appendMagic(out);
  appendOpen(out, openFrame(7));
  appendData(out, 7, bytesOf("GET / HTTP/1.1\r\n\r\n"));
  appendHeartbeat(out);
  appendOpen(out, openFrame(0x0102030405060708, Protocol::kUdp));
  appendData(out, 0x0102030405060708, {});
  appendClose(out, {7, Reason::kGap, false});
  appendClose(out, {0x0102030405060708, Reason::kNone, true});
  appendLedger(out, R"({"id":"m-1"})");
  return out;
}

constexpr const char* kSampleText =
    "open 7 tcp start 1700000000123456789 10.1.2.3:40000 [2001:db8::1]:8080\n"
    "data 7 GET / HTTP/1.1\r\n\r\n\n"
    "heartbeat\n"
    "open 72623859790382856 udp start 1700000000123456789 10.1.2.3:40000 [2001:db8::1]:8080\n"
    "data 72623859790382856 \n"
    "close 7 gap\n"
    "close 72623859790382856 none reset\n"
    "ledger {\"id\":\"m-1\"}\n"
    "|";

TEST(Frames, ComeBackAsTheyWere) {
  EXPECT_EQ(decode(sample()), kSampleText);
}

TEST(Frames, EveryChunkSizeGivesTheSameEvents) {
  const Bytes stream = sample();
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    EXPECT_EQ(decode(stream, chunk), kSampleText) << "chunks of " << chunk;
  }
}

}  // namespace
}  // namespace dormouse::wire
