// Pod to patch.
#pragma once

#include <string>
#include <vector>

#include "injector/container.h"
#include "injector/injection_settings.h"
#include "injector/patch.h"
#include "injector/pod.h"

namespace dormouse::injector {

/// What is to be done to a pod. Pure: the same pod and settings give the same bytes.
struct Injection {
  Patch patch;
  std::vector<std::string> warnings;  // For whoever created the pod.
};

/// Brings the sidecar into a pod: container, volume, pull secrets, status annotation.
/// REQUIRES: the pod has no sidecar yet; profile is not kRestricted; mode is kNative if the pod
/// runs to completion. Throws std::invalid_argument if a list to be added to has another type.
Injection inject(const Pod& pod, Profile profile, Mode mode, const InjectionSettings& settings);

/// Writes into the status annotation why a pod has no sidecar, for the client to read out: a
/// warning to a ReplicaSet's controller reaches nobody.
Patch markSkipped(const Pod& pod, const std::string& reason);

}  // namespace dormouse::injector
