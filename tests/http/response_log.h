// Keeps what a pairing tells, so that two runs over the same bytes can be compared.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/response_pairing.h"
#include "tests/http/request_log.h"

namespace dormouse::http {

struct SeenResponse {
  std::uint64_t request = 0;
  int status = 0;  // 0: missing.
  std::string head;
  std::string body;
  std::uint64_t bodyBytes = 0;
  std::optional<Nanos> latency;
  Reason missing = Reason::kNone;

  bool operator==(const SeenResponse&) const = default;
};

class ResponseLog final : public PairingListener {
 public:
  void onResponse(PairedResponse&& response) override {
    seen.push_back({response.request, response.status, response.head, response.body,
                    response.bodyBytes, response.latency, Reason::kNone});
  }
  void onMissing(std::uint64_t request, Reason why) override {
    seen.push_back({request, 0, "", "", 0, std::nullopt, why});
  }

  std::vector<SeenResponse> seen;
};

/// Feeds `text` in pieces of `chunk` bytes, each in memory of its own.
inline void feedIn(ResponsePairing& pairing, std::string_view text,
                   std::size_t chunk = std::string_view::npos, WallTime at = {}) {
  while (!text.empty()) {
    const std::string piece(text.substr(0, chunk));
    pairing.feed(bytesOf(piece), at);
    text.remove_prefix(piece.size());
  }
}

}  // namespace dormouse::http
