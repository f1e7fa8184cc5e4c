// docs/stream-format.md is the specification: its worked bytes are what the encoder makes.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "wire/frames.h"

namespace dormouse::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The blocks fenced as ```bytes NAME: two-digit hexadecimal numbers up to the first other word.
std::map<std::string, Bytes> workedBytes() {
  std::ifstream document(STREAM_FORMAT_DOCUMENT);
  std::map<std::string, Bytes> blocks;
  Bytes* block = nullptr;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) {
      block = line.starts_with("```bytes ") ? &blocks[line.substr(9)] : nullptr;
      continue;
    }
    if (block == nullptr) continue;
    std::istringstream words(line.substr(0, line.find("   ")));
    for (std::string word; words >> word;) {
      block->push_back(static_cast<std::uint8_t>(std::stoi(word, nullptr, 16)));
    }
  }
  return blocks;
}

template <typename Append>
Bytes encoded(Append append) {
  Bytes out;
  append(out);
  return out;
}

TEST(StreamFormatDocument, ShowsWhatTheEncoderMakes) {
  OpenFrame open;
  open.connection = 7;
  open.timestamp = WallTime(Nanos(1'700'000'000'123'456'789));
  open.client = {*IpAddress::parse("10.1.2.3"), 40000};
  open.server = {*IpAddress::parse("2001:db8::1"), 8080};
  const Bytes hi = {'h', 'i'};
  const std::string head = "HTTP/1.1 \r\n";
  ResponseFrame response;
  response.connection = 7;
  response.request = 2;
  response.status = 200;
  response.latency = std::chrono::microseconds(1500);
  response.bodyBytes = 2;
  response.head = {reinterpret_cast<const std::uint8_t*>(head.data()), head.size()};
  response.body = hi;
  const std::string text = "HTTP/2 200\r\n\r\ngrpc-status: 0\r\n\r\n";
  ResponseFrame http2 = response;
  http2.connection = 8;
  http2.request = 3;
  http2.bodyBytes = 0;
  http2.head = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  http2.body = {};
  ResponseFrame missing;
  missing.connection = 7;
  missing.request = 3;
  missing.missing = Reason::kGap;
  const std::map<std::string, Bytes> expected = {
      {"magic", encoded([](Bytes& out) { appendMagic(out); })},
      {"open", encoded([&](Bytes& out) { appendOpen(out, open); })},
      {"data", encoded([&](Bytes& out) { appendData(out, 7, hi); })},
      {"request-head", encoded([](Bytes& out) {
         appendRequest(out, {8, 1, RequestPart::kHead, {{":method", "POST"}}, {}, {}});
       })},
      {"request-body",
       encoded([&](Bytes& out) { appendRequest(out, {8, 1, RequestPart::kBody, {}, hi, {}}); })},
      {"request-end",
       encoded([](Bytes& out) { appendRequest(out, {8, 1, RequestPart::kEnd, {}, {}, {}}); })},
      {"request-cancel", encoded([](Bytes& out) {
         appendRequest(out, {8, 3, RequestPart::kCancel, {}, {}, Reason::kMalformed});
       })},
      {"close", encoded([](Bytes& out) { appendClose(out, {7, Reason::kGap, false}); })},
      {"close-reset", encoded([](Bytes& out) { appendClose(out, {7, Reason::kNone, true}); })},
      {"ledger", encoded([](Bytes& out) { appendLedger(out, "{}"); })},
      {"response", encoded([&](Bytes& out) { appendResponse(out, response); })},
      {"response-http2", encoded([&](Bytes& out) { appendResponse(out, http2); })},
      {"response-missing", encoded([&](Bytes& out) { appendResponse(out, missing); })},
      {"heartbeat", encoded([](Bytes& out) { appendHeartbeat(out); })},
  };
  EXPECT_EQ(workedBytes(), expected);
}

}  // namespace
}  // namespace dormouse::wire
