// The parser of mirrored requests: the same requests however the bytes are cut, none of whose bytes
// is lost; and whatever enters an open connection is what the parser alone would have seen there.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "http/entry_search.h"
#include "http/http1_parser.h"
#include "http/request_filter.h"
#include "http/sampler.h"
#include "tests/http/request_log.h"

namespace {

using namespace dormouse::http;  // NOLINT(google-build-using-namespace): a program of its own.

struct Outcome {
  RequestLog log;
  Http1Parser::State state = Http1Parser::State::kDeciding;
  bool operator==(const Outcome&) const = default;
};

/// Feeds copies of exactly `chunk` bytes, so that reading past one is seen.
Outcome parse(std::span<const std::uint8_t> stream, std::size_t chunk) {
  Outcome outcome;
  Http1Parser parser;
  while (!stream.empty()) {
    const auto piece = stream.first(std::min(chunk, stream.size()));
    parser.feed(std::vector<std::uint8_t>(piece.begin(), piece.end()), outcome.log);
    if (parser.held().size() > Http1Parser::kMaxHead + 1) std::abort();
    stream = stream.subspan(piece.size());
  }
  outcome.state = parser.state();
  return outcome;
}

/// Lets every rule look at every head.
class Judge final : public RequestListener {
 public:
  void onHead(const RequestHead& head) override {
    static const RequestFilter filter({{"safe"}, "^/a(b|c)*$", {{"x", "y+$"}}, false});
    static Sampler cookie(50, {SampleKey::Kind::kCookie, "a"});
    static Sampler trace(50, {SampleKey::Kind::kTrace, ""});
    filter.matches(head);
    cookie.contains(head);
    trace.contains(head);
  }
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override {
    if (content.size() > raw.size()) std::abort();
  }
  void onRequestEnd() override {}
  void onOther(std::span<const std::uint8_t>) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the chunks.
  const std::span<const std::uint8_t> stream(data + 1, size - 1);
  const Outcome whole = parse(stream, std::max<std::size_t>(1, stream.size()));
  if (parse(stream, 1U + data[0]) != whole) std::abort();

  Judge judge;
  Http1Parser judged;
  judged.feed(stream, judge);

  RequestLog entered;
  EntrySearch search;
  if (search.feed(stream, {true, false, dormouse::Nanos(0)}, entered) && entered != whole.log) {
    std::abort();
  }
  return 0;
}
