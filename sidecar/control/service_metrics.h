// The mirror service's own numbers, read at each scrape.
#pragma once

#include <prometheus/collectable.h>

#include <vector>

#include "mirror/mirror_service.h"

namespace dormouse::control {

/// dormouse_build_info, dormouse_awake, dormouse_mirrors, dormouse_uptime_seconds,
/// dormouse_wakes_total, dormouse_packets_seen_total, dormouse_kernel_drops_total. Any thread may
/// call.
class ServiceMetrics final : public prometheus::Collectable {
 public:
  /// REQUIRES: service outlives the object.
  explicit ServiceMetrics(mirror::MirrorService& service) : service_(service) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mirror::MirrorService& service_;
};

}  // namespace dormouse::control
