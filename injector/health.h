// What the kubelet and Prometheus ask.
#pragma once

#include <functional>

#include "common/metrics.h"
#include "common/router.h"

namespace dormouse::injector {

/// Adds GET /healthz (200 as long as the process answers), /readyz (200 or 503, with `whyNot` as
/// the sentence) and /metrics. `whyNot` returns an empty text if reviews can be answered; any
/// thread. `metrics` outlives the router.
void addHealth(Router& router, std::function<std::string()> whyNot, const Metrics& metrics);

/// A gauge that is asked at each scrape, with at most one label. Negative values are left out.
struct Gauge {
  const char* name;
  const char* help;
  std::pair<std::string, std::string> label;  // Empty name: none.
  std::function<std::int64_t()> value;
};

/// Collects the gauges; to be added to Metrics and kept as long.
std::shared_ptr<prometheus::Collectable> makeGauges(std::vector<Gauge> gauges);

}  // namespace dormouse::injector
