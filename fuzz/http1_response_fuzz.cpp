// The parser of responses and their pairing: the same pairs however the bytes are cut, and each
// request is answered or missed exactly once.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "tests/http/response_log.h"

namespace {

using namespace dormouse::http;  // NOLINT(google-build-using-namespace): a program of its own.

constexpr std::size_t kMaxBody = 64;
constexpr std::uint64_t kRequests = 6;

/// The lowest bits of `kinds` say what was asked, and whether the server ends in order.
std::vector<SeenResponse> pair(std::span<const std::uint8_t> stream, std::size_t chunk,
                               std::uint8_t kinds) {
  ResponseLog log;
  ResponsePairing pairing(kMaxBody, log);
  for (std::uint64_t i = 1; i <= kRequests; ++i) {
    const bool head = ((kinds >> i) & 1U) != 0;
    pairing.begin(i, i == kRequests ? Asked::kConnect : head ? Asked::kHead : Asked::kUsual);
  }
  while (!stream.empty()) {
    const auto piece = stream.first(std::min(chunk, stream.size()));
    pairing.feed(std::vector<std::uint8_t>(piece.begin(), piece.end()), {});
    if (pairing.held() > (ResponseParser::kMaxHead << 1U) + 4096) std::abort();
    stream = stream.subspan(piece.size());
  }
  pairing.end((kinds & 1U) != 0 ? dormouse::Reason::kNone : dormouse::Reason::kGap);
  return log.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first byte chooses the chunks, the second the requests.
  const std::span<const std::uint8_t> stream(data + 2, size - 2);
  const auto whole = pair(stream, std::max<std::size_t>(1, stream.size()), data[1]);
  if (pair(stream, 1U + data[0], data[1]) != whole) std::abort();
  if (whole.size() != kRequests) std::abort();
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    const SeenResponse& one = whole[i];
    if (one.request != i + 1 || one.body.size() > kMaxBody) std::abort();
    if ((one.status == 0) == (one.missing == dormouse::Reason::kNone)) std::abort();
  }
  return 0;
}
