// Counts reviews for Prometheus.
#pragma once

#include <array>

#include "common/clock.h"
#include "common/metrics.h"
#include "injector/decision.h"

namespace prometheus {
class Histogram;
}

namespace dormouse::injector {

/// One object. Any thread may call. Keeps nothing but pointers into the registry.
class ReviewMetrics {
 public:
  /// REQUIRES: metrics outlives the object.
  explicit ReviewMetrics(Metrics& metrics);

  /// `took`: from the complete request to the complete answer.
  void count(Outcome outcome, Nanos took);

 private:
  std::array<prometheus::Counter*, kOutcomes> reviews_{};
  prometheus::Histogram* duration_;
};

}  // namespace dormouse::injector
