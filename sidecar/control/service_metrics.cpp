#include "control/service_metrics.h"

#include <prometheus/metric_family.h>

#include <string>

namespace dormouse::control {
namespace {

prometheus::MetricFamily family(const std::string& name, const std::string& help,
                                prometheus::MetricType type, double value) {
  prometheus::MetricFamily result;
  result.name = name;
  result.help = help;
  result.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  result.metric.push_back(metric);
  return result;
}

}  // namespace

std::vector<prometheus::MetricFamily> ServiceMetrics::Collect() const {
  using prometheus::MetricType;
  const mirror::AgentStatus status = service_.status();
  prometheus::MetricFamily build =
      family("dormouse_build_info", "Always 1; the label is the version.", MetricType::Gauge, 1);
  build.metric.front().label.push_back({"version", status.version});
  return {build,
          family("dormouse_awake", "1 while a mirror is active, 0 asleep.", MetricType::Gauge,
                 status.awake ? 1 : 0),
          family("dormouse_mirrors", "Active mirrors.", MetricType::Gauge,
                 static_cast<double>(status.mirrors.size())),
          family("dormouse_uptime_seconds", "Time since the start.", MetricType::Gauge,
                 static_cast<double>(status.uptime.count())),
          family("dormouse_wakes_total", "Mirrors created since the start.", MetricType::Counter,
                 static_cast<double>(status.wakes)),
          family("dormouse_packets_seen_total", "Packets captured since the start.",
                 MetricType::Counter, static_cast<double>(status.packetsSeen)),
          family("dormouse_kernel_drops_total",
                 "Packets the kernel dropped because a capture's ring was full.",
                 MetricType::Counter, static_cast<double>(status.kernelDrops))};
}

}  // namespace dormouse::control
