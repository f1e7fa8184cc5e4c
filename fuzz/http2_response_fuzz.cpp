// The pairing of HTTP/2 responses: the same pairs however the bytes are cut, each request answered
// or missed exactly once, texts that can be read again, and never more memory than it says.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "http/http2_response_pairing.h"
#include "http/response_text.h"
#include "tests/http/response_log.h"

namespace {

using namespace dormouse::http;  // NOLINT(google-build-using-namespace): a program of its own.

constexpr std::size_t kMaxBody = 64;
constexpr std::uint32_t kRequests = 6;
// An empty SETTINGS frame, which need not be found by chance.
constexpr std::uint8_t kBeginning[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

/// The lowest bits of `kinds` say what was asked, and whether the server ends in order.
std::vector<SeenResponse> pair(std::span<const std::uint8_t> stream, std::size_t chunk,
                               std::uint8_t kinds) {
  ResponseLog log;
  Http2ResponsePairing pairing(kMaxBody, log);
  for (std::uint32_t i = 0; i < kRequests; ++i) {
    const bool head = ((kinds >> (i + 1)) & 1U) != 0;
    pairing.begin(2 * i + 1, i + 1 == kRequests ? Asked::kConnect
                             : head             ? Asked::kHead
                                                : Asked::kUsual);
  }
  pairing.feed(kBeginning, {});
  while (!stream.empty()) {
    const auto piece = stream.first(std::min(chunk, stream.size()));
    pairing.feed(std::vector<std::uint8_t>(piece.begin(), piece.end()), {});
    if (pairing.held() > 2 << 20) std::abort();
    stream = stream.subspan(piece.size());
  }
  pairing.end((kinds & 1U) != 0 ? dormouse::Reason::kNone : dormouse::Reason::kGap);
  return log.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What a client takes from a stream need not be what a sidecar has written.
  ResponseText text;
  parseResponseText({reinterpret_cast<const char*>(data), size}, text);
  if (size < 2) return 0;
  // The first byte chooses the chunks, the second the requests.
  const std::span<const std::uint8_t> stream(data + 2, size - 2);
  const auto whole = pair(stream, std::max<std::size_t>(1, stream.size()), data[1]);
  if (pair(stream, 1U + data[0], data[1]) != whole) std::abort();
  std::map<std::uint64_t, int> seen;
  for (const SeenResponse& one : whole) {
    ++seen[one.request];
    if ((one.status == 0) == (one.missing == dormouse::Reason::kNone)) std::abort();
    if (one.body.size() > kMaxBody) std::abort();
    if (one.status == 0) continue;
    if (!parseResponseText(one.head, text).empty() || text.status != one.status) std::abort();
  }
  if (whole.size() != kRequests || seen.size() != kRequests) std::abort();
  return 0;
}
