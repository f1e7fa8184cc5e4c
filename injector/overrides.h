// What a pod's annotations may say about its sidecar.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "injector/injection_settings.h"
#include "injector/pod.h"

namespace dormouse::injector {

/// The sidecar's settings for one pod: the admin's, narrowed by its annotations.
struct Overrides {
  std::set<std::uint16_t> allowPorts;  // Empty: all.
  std::uint16_t controlPort = 0;       // Free of the pod's declared ports, if any is.
  std::string cpuRequest;
  std::string cpuLimit;
  std::string memoryRequest;
  std::string memoryLimit;
  /// Sentences about annotations that were not followed.
  std::vector<std::string> warnings;
};

/// An annotation that is malformed or goes beyond the admin's ceiling counts as absent and is
/// warned about. Never throws for anything a pod may contain.
Overrides overridesFor(const Pod& pod, const InjectionSettings& settings);

}  // namespace dormouse::injector
