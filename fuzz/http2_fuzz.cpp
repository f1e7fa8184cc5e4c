// The parser of mirrored HTTP/2: the same requests however the bytes are cut, each with one end,
// and never more memory than it says.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "http/http2_parser.h"
#include "tests/http/http2_log.h"

namespace {

using namespace dormouse::http;  // NOLINT(google-build-using-namespace): a program of its own.

struct Outcome {
  Http2Log log;
  std::string fault;
  std::size_t unfinished = 0;
};

/// Feeds copies of exactly `chunk` bytes, so that reading past one is seen.
Outcome parse(std::span<const std::uint8_t> stream, std::size_t chunk, bool upgraded) {
  Outcome outcome;
  Http2Parser parser(upgraded);
  while (!stream.empty()) {
    const auto piece = stream.first(std::min(chunk, stream.size()));
    parser.feed(std::vector<std::uint8_t>(piece.begin(), piece.end()), outcome.log);
    if (parser.memory() > 1 << 20) std::abort();
    stream = stream.subspan(piece.size());
  }
  outcome.fault = parser.fault();
  outcome.unfinished = parser.unfinished();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the chunks. The preface need not be found by chance.
  std::vector<std::uint8_t> bytes(kHttp2Preface.begin(), kHttp2Preface.end());
  bytes.insert(bytes.end(), data + 1, data + size);
  const bool upgraded = (data[0] & 1U) != 0;
  const Outcome whole = parse(bytes, bytes.size(), upgraded);
  const Outcome cut = parse(bytes, 1U + data[0] / 2U, upgraded);
  if (cut.log.requests != whole.log.requests || cut.log.forgone != whole.log.forgone ||
      cut.fault != whole.fault || cut.unfinished != whole.unfinished) {
    std::abort();
  }
  std::size_t open = 0;
  for (const auto& [stream, request] : whole.log.requests) {
    if (request.end.empty()) ++open;
    const bool known = request.end.empty() || request.end == "whole" || request.end == "bad head" ||
                       request.end == "malformed" || request.end == "evicted";
    if (!known) std::abort();  // Two ends.
  }
  if (open != whole.unfinished) std::abort();
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  looksLikeHttp2(rest);
  return 0;
}
