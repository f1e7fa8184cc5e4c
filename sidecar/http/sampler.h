// A share of the requests: evenly, or consistently by a key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/request_head.h"

namespace dormouse::http {

/// By what requests are kept together.
struct SampleKey {
  enum class Kind : std::uint8_t {
    kNone,    // Nothing: every request by itself.
    kHeader,  // The value of a header.
    kCookie,  // The value of a cookie.
    kTrace,   // The trace id of `traceparent` (W3C Trace Context, 3.2).
  };
  Kind kind = Kind::kNone;
  std::string name;  // Of the header or cookie.
};

/// Decides for each request, once. Owned by a mirror, one thread.
///
/// With a key, the decision is a pure function of the key's value and the percentage: the same on
/// every replica and after every restart, and who is in at 10 percent is in at 20. Requests without
/// the key, and all requests if there is none, are chosen evenly: of every 100 in a row exactly
/// `percent`.
class Sampler {
 public:
  /// REQUIRES: 0 < percent <= 100.
  Sampler(double percent, SampleKey key);

  bool contains(const RequestHead& head);

 private:
  std::optional<std::string_view> keyOf(const RequestHead& head) const;

  const double percent_;
  const SampleKey key_;
  double due_ = 0;  // Percent owed to the even choice.
};

/// Where a key lies in [0, 100): FNV-1a with 64 bits, then the 64-bit finalizer of MurmurHash3, for
/// FNV alone spreads short keys badly in its upper bits; the upper 53 bits as a fraction, times
/// 100. No seed: the same everywhere and forever.
double sampleRank(std::string_view key);

/// The trace id of a `traceparent` header, 32 hex digits and not all zero, or nothing. Of versions
/// above 00 only that beginning is judged, as the recommendation wants it.
std::optional<std::string_view> traceId(std::string_view traceparent);

}  // namespace dormouse::http
