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
        (frame.http2 ? "h2 " : "") + std::to_string(frame.timestamp.time_since_epoch().count()) +
        " " + frame.client.toString() + " " + frame.server.toString());
  }
  void onData(std::uint64_t connection, std::span<const std::uint8_t> bytes) override {
    add("data " + std::to_string(connection) + " " + std::string(bytes.begin(), bytes.end()));
  }
  void onRequest(const RequestFrame& frame) override {
    std::string line = "request " + std::to_string(frame.connection) + "." +
                       std::to_string(frame.request) + " " +
                       std::to_string(static_cast<int>(frame.part));
    for (const FieldView& field : frame.fields) {
      ((line += " ").append(field.name) += "=").append(field.value);
    }
    line += " " + std::string(frame.bytes.begin(), frame.bytes.end());
    add(line + std::string(reasonName(frame.reason)));
  }
  void onClose(const CloseFrame& frame) override {
    add("close " + std::to_string(frame.connection) + " " + std::string(reasonName(frame.reason)) +
        (frame.reset ? " reset" : ""));
  }
  void onLedger(std::string_view json) override { add("ledger " + std::string(json)); }
  void onHeartbeat() override { add("heartbeat"); }
  void onResponse(const ResponseFrame& frame) override {
    add("response " + std::to_string(frame.connection) + "." + std::to_string(frame.request) + " " +
        std::to_string(frame.status) + " " + std::string(reasonName(frame.missing)) + " " +
        (frame.latency ? std::to_string(frame.latency->count()) : "-") + " " +
        std::to_string(frame.bodyBytes) + " " + std::string(frame.head.begin(), frame.head.end()) +
        " " + std::string(frame.body.begin(), frame.body.end()));
  }

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
  appendResponse(out, {.connection = 7,
                       .request = 2,
                       .status = 200,
                       .missing = Reason::kNone,
                       .latency = Nanos(1500),
                       .bodyBytes = 9,
                       .head = bytesOf("HTTP/1.1 200 OK"),
                       .body = bytesOf("body")});
  appendResponse(out, {.connection = 7,
                       .request = 3,
                       .status = 0,
                       .missing = Reason::kUnanswered,
                       .latency = std::nullopt,
                       .bodyBytes = 0,
                       .head = {},
                       .body = {}});
  appendOpen(out, openFrame(0x0102030405060708, Protocol::kUdp));
  appendData(out, 0x0102030405060708, {});
  OpenFrame http2 = openFrame(8);
  http2.http2 = true;
  appendOpen(out, http2);
  appendRequest(out, {8, 3, RequestPart::kHead, {{":method", "POST"}, {"a", ""}}, {}, {}});
  appendRequest(out, {8, 5, RequestPart::kHead, {{":method", "PUT"}}, {}, {}});
  appendRequest(out, {8, 3, RequestPart::kBody, {}, bytesOf("hi"), {}});
  appendRequest(out, {8, 5, RequestPart::kCancel, {}, {}, Reason::kMalformed});
  appendRequest(out, {8, 3, RequestPart::kEnd, {}, {}, {}});
  appendClose(out, {7, Reason::kGap, false});
  appendClose(out, {0x0102030405060708, Reason::kNone, true});
  appendLedger(out, R"({"id":"m-1"})");
  return out;
}

constexpr const char* kSampleText =
    "open 7 tcp start 1700000000123456789 10.1.2.3:40000 [2001:db8::1]:8080\n"
    "data 7 GET / HTTP/1.1\r\n\r\n\n"
    "heartbeat\n"
    "response 7.2 200 none 1500 9 HTTP/1.1 200 OK body\n"
    "response 7.3 0 unanswered - 0  \n"
    "open 72623859790382856 udp start 1700000000123456789 10.1.2.3:40000 [2001:db8::1]:8080\n"
    "data 72623859790382856 \n"
    "open 8 tcp start h2 1700000000123456789 10.1.2.3:40000 [2001:db8::1]:8080\n"
    "request 8.3 1 :method=POST a= none\n"
    "request 8.5 1 :method=PUT none\n"
    "request 8.3 2 hinone\n"
    "request 8.5 4 malformed\n"
    "request 8.3 3 none\n"
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

TEST(Frames, RandomStreamsSurviveRandomChunks) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (int round = 0; round < 50; ++round) {
    Bytes stream;
    appendMagic(stream);
    for (std::size_t i = below(30); i > 0; --i) {
      switch (below(5)) {
        case 0:
          appendOpen(stream, openFrame(below(1000)));
          break;
        case 1:
          appendClose(stream, {below(1000), static_cast<Reason>(below(kReasonCount)), false});
          break;
        case 2:
          appendHeartbeat(stream);
          break;
        default:
          appendData(stream, below(1000), bytesOf(std::string(below(3000), 'd')));
      }
    }
    const std::string whole = decode(stream);
    Script script;
    FrameDecoder decoder(script);
    for (std::span<const std::uint8_t> rest(stream); !rest.empty();) {
      const std::size_t n = 1 + below(std::min<std::size_t>(rest.size(), 5000));
      decoder.feed(rest.first(n));
      decoder.feed({});
      rest = rest.subspan(n);
    }
    ASSERT_EQ(script.text() + "|", whole) << "round " << round;
  }
}

TEST(Frames, APayloadAboveTheMaximumIsSplit) {
  const std::string big(2 * kMaxFrameBytes + 5, 'b');
  Bytes stream;
  appendMagic(stream);
  appendData(stream, 9, bytesOf(big));
  struct Joiner final : FrameHandler {
    void onOpen(const OpenFrame&) override {}
    void onData(std::uint64_t, std::span<const std::uint8_t> bytes) override {
      joined.append(bytes.begin(), bytes.end());
      ++records;
    }
    void onRequest(const RequestFrame& frame) override { onData(0, frame.bytes); }
    void onClose(const CloseFrame&) override {}
    void onLedger(std::string_view) override {}
    void onHeartbeat() override {}
    void onResponse(const ResponseFrame&) override {}
    std::string joined;
    int records = 0;
  } joiner;
  FrameDecoder decoder(joiner);
  decoder.feed(stream);
  EXPECT_EQ(joiner.records, 3);
  EXPECT_TRUE(joiner.joined == big);
  stream.clear();
  appendRequest(stream, {9, 1, RequestPart::kBody, {}, bytesOf(big), {}});
  decoder.feed(stream);
  EXPECT_EQ(joiner.records, 6);
  EXPECT_TRUE(joiner.joined == big + big);
}

TEST(Frames, RecordsOfUnknownTypesAreSkipped) {
  Bytes stream;
  appendMagic(stream);
  for (const int type : {0, 99, 200, 255}) {
    const Bytes record = {0, 0, 0, 4, static_cast<std::uint8_t>(type), 1, 2, 3};
    stream.insert(stream.end(), record.begin(), record.end());
  }
  appendHeartbeat(stream);
  EXPECT_EQ(decode(stream), "heartbeat\n|");
  EXPECT_EQ(decode(stream, 3), "heartbeat\n|");
}

TEST(Frames, OnlyTheEndOfARecordIsABoundary) {
  const Bytes stream = sample();
  Script script;
  FrameDecoder decoder(script);
  EXPECT_FALSE(decoder.atBoundary());
  decoder.feed(std::span(stream).first(4));
  EXPECT_TRUE(decoder.atBoundary());
  decoder.feed(std::span(stream).subspan(4, 1));
  EXPECT_FALSE(decoder.atBoundary());
  decoder.feed(std::span(stream).subspan(5));
  EXPECT_TRUE(decoder.atBoundary());
}

TEST(Frames, HostileRecordsAreRefusedWithTheirPlace) {
  const auto record = [](std::initializer_list<int> bytes) {
    Bytes out;
    for (const int byte : bytes) out.push_back(static_cast<std::uint8_t>(byte));
    return out;
  };
  Bytes open;
  appendOpen(open, openFrame(1));
  Bytes protocol = open;
  protocol[13] = 1;
  Bytes flags = open;
  flags[14] = 4;
  Bytes udpOfHttp2 = open;
  udpOfHttp2[13] = 17;
  udpOfHttp2[14] = 2;
  const Bytes request = record({0, 0, 0, 14, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1});
  const auto part = [&](std::initializer_list<int> rest) {
    Bytes out = request;
    out[3] = static_cast<std::uint8_t>(13 + rest.size());
    for (const int byte : rest) out.push_back(static_cast<std::uint8_t>(byte));
    return out;
  };
  Bytes shortOpen = open;
  shortOpen[3] = static_cast<std::uint8_t>(shortOpen[3] - 1);
  shortOpen.pop_back();
  Bytes longOpen = open;
  longOpen[3] = static_cast<std::uint8_t>(longOpen[3] + 1);
  longOpen.push_back(0);
  Bytes response;
  appendResponse(response, {.connection = 1,
                            .request = 1,
                            .status = 200,
                            .missing = Reason::kNone,
                            .latency = std::nullopt,
                            .bodyBytes = 2,
                            .head = bytesOf("head"),
                            .body = bytesOf("ab")});
  Bytes status = response;
  status[18] = 99;
  Bytes longHead = response;
  longHead[38] = 7;
  Bytes longBody = response;
  longBody[34] = 1;
  Bytes noReason = response;
  noReason[17] = noReason[18] = noReason[38] = 0;
  const std::vector<std::pair<Bytes, const char*>> cases = {
      {record({0, 0, 0, 5, 7, 0, 0, 0, 0}), "response record that is too short"},
      {status, "response record with status 99"},
      {longHead, "whose head is longer than itself"},
      {longBody, "more content than it says"},
      {noReason, "unknown reason"},
      {record({0, 0, 0, 0}), "length 0"},
      {record({0, 0x10, 0, 1}), "above the format's maximum"},
      {record({0xff, 0xff, 0xff, 0xff}), "above the format's maximum"},
      {record({0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0}), "data record that is too short"},
      {record({0, 0, 0, 9, 4, 0, 0, 0, 0, 0, 0, 0, 0}), "close record that is too short"},
      {record({0, 0, 0, 10, 4, 0, 0, 0, 0, 0, 0, 0, 0, 2}), "unknown flags"},
      {record({0, 0, 0, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x'}), "unknown reason"},
      {record({0, 0, 0, 14, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'n', 'o', 'n', 'e'}), "unknown reason"},
      {record({0, 0, 0, 2, 6, 0}), "heartbeat record with a body"},
      {protocol, "unknown protocol 1"},
      {flags, "unknown flags"},
      {udpOfHttp2, "HTTP/2 that is not TCP"},
      {record({0, 0, 0, 13, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "request record that is too"},
      {part({0}), "unknown part 0"},
      {part({9}), "unknown part 9"},
      {part({1, 0, 0, 0}), "cut within a field"},
      {part({1, 0, 0, 0, 2, 'a'}), "cut within a field"},
      {part({1, 0, 0, 0, 1, 'a'}), "cut within a field"},
      {part({3, 0xff, 0xff, 0xff, 0xff, 'a'}), "cut within a field"},
      {part({4}), "unknown reason"},
      {part({4, 'x'}), "unknown reason"},
      {shortOpen, "wrong length"},
      {longOpen, "wrong length"},
  };
  for (const auto& [bytes, sentence] : cases) {
    Bytes stream;
    appendMagic(stream);
    appendHeartbeat(stream);  // 5 bytes: the bad record begins at byte 9.
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    for (const std::size_t chunk : {std::size_t{1}, stream.size()}) {
      try {
        decode(stream, chunk);
        ADD_FAILURE() << "taken, though: " << sentence;
      } catch (const FrameError& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find(sentence), std::string::npos) << what;
        EXPECT_NE(what.find("at byte 9 "), std::string::npos) << what;
      }
    }
  }
}

TEST(Frames, AnotherMagicIsRefusedAtItsFirstWrongByte) {
  Script script;
  FrameDecoder decoder(script);
  decoder.feed(bytesOf("DMS"));
  EXPECT_THROW(decoder.feed(bytesOf("2")), FrameError);
  FrameDecoder other(script);
  EXPECT_THROW(other.feed(bytesOf("H")), FrameError);
}

}  // namespace
}  // namespace dormouse::wire
