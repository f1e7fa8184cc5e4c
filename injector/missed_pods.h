// Counts the opted-in pods that run without the agent.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/log.h"
#include "injector/injection_settings.h"
#include "injector/kube/cluster.h"

namespace dormouse::injector {

/// Looks at the pods of all namespaces that are labelled for injection. step() on one thread, the
/// rest on any.
class MissedPods {
 public:
  /// The references outlive the object.
  MissedPods(const SelectionSettings& selection, KubeApi& api, const Log& log)
      : selection_(selection), api_(api), log_(log) {}

  /// Counts once. False if the pods cannot be listed (it is logged); the former number stands.
  /// Never throws.
  bool step() noexcept;

  /// Pods that are pending or running, selected, and have no sidecar, for whatever reason: created
  /// before the label was set, while no injector answered, or unfit. -1: not counted yet.
  std::int64_t count() const { return count_; }

 private:
  std::int64_t countIn(const std::string& space);

  const SelectionSettings& selection_;
  KubeApi& api_;
  const Log& log_;
  std::atomic<std::int64_t> count_{-1};
};

}  // namespace dormouse::injector
