// Which requests a mirror takes: filter, sample, rate.
#pragma once

#include <cstddef>
#include <optional>

#include "common/clock.h"
#include "common/reason.h"
#include "http/rate_cap.h"
#include "http/request_filter.h"
#include "http/sampler.h"
#include "http/share_cap.h"
#include "wire/mirror_spec.h"

namespace dormouse::mirror {

/// Owned by a mirror; data thread only. Judges each request once, by its head: the filter first, so
/// that the sample is one of what was asked for, and the rate last, so that it counts what the sink
/// would take.
class RequestGate {
 public:
  /// Of the mirror's `requests`, within its `ceilingPercent`. Throws http::PatternError. REQUIRES:
  /// headStart outlives the gate.
  RequestGate(const wire::MirrorSpec& spec, http::HeadStart& headStart);

  /// Bytes that a gate for this selection may take, in its regular expressions above all.
  static std::size_t memoryFor(const wire::RequestSelection& selection);

  /// kNone: the request is selected; else kFiltered or kSampledOut.
  Reason select(const http::RequestHead& head);
  /// Of one that is selected and that the sink would take. kNone: it is taken; else kRateCapped.
  Reason admit(TimePoint now);

 private:
  http::RequestFilter filter_;
  std::optional<http::Sampler> sampler_;
  std::optional<http::ShareCap> ceiling_;  // Only over a sample by a key: no other exceeds it.
  std::optional<http::RateCap> cap_;
};

}  // namespace dormouse::mirror
