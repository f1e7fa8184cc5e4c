// Numbers for Prometheus.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dormouse {

/// The program's metrics. One object, built in main and handed to whoever counts. Any thread may
/// call.
class Metrics {
 public:
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  /// For counters and gauges that live as long as the program.
  prometheus::Registry& registry() { return registry_; }
  /// For numbers that somebody else keeps and that are asked for at each scrape. Held weakly.
  void add(const std::weak_ptr<prometheus::Collectable>& source);

  /// The text exposition format 0.0.4.
  std::string render() const;

 private:
  prometheus::Registry registry_;
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<prometheus::Collectable>> sources_;
};

}  // namespace dormouse
