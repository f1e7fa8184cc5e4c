// Review to decision: whether a pod gets its sidecar, and why not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "injector/injection.h"
#include "injector/review.h"

namespace dormouse::injector {

/// What came of a review. Every one ends with exactly one of these.
enum class Outcome : std::uint8_t {
  kInjected,
  kNotPodCreation,     // Something else than the creation of a pod.
  kExcludedNamespace,  // kube-*, or named by the admin.
  kOwnNamespace,
  kMirrorPod,  // The API's image of a static pod: the kubelet runs it as its file says.
  kOptedOut,   // Its label says "false".
  kNotSelected,
  kAlreadyInjected,
  kHostNetwork,  // Its traffic is the node's.
  kWindows,
  kRunToCompletion,  // Without native sidecars its Job would never end.
  kRestricted,       // Pod Security forbids what the sidecar needs.
  kNotUnderstood,
  kInternalError,
};
inline constexpr std::size_t kOutcomes = 14;

/// "injected", "skipped" or "error".
const char* resultOf(Outcome outcome);
/// "host-network"; empty for kInjected.
const char* reasonOf(Outcome outcome);

struct Decision {
  Outcome outcome = Outcome::kInternalError;
  std::optional<Patch> patch;
  /// Sentences for whoever created the pod: printable ASCII, at most 256 bytes each.
  std::vector<std::string> warnings;
};

/// Where the review came in and what the cluster can do.
struct Surroundings {
  Profile profile = Profile::kBaseline;
  bool nativeSidecars = false;
};

/// Pure, but for the memory it takes. Throws nothing but std::bad_alloc: what goes wrong is a
/// decision too, and lets the pod in.
Decision decide(const Review& review, const Surroundings& surroundings,
                const SelectionSettings& selection, const InjectionSettings& settings);

/// The decision about a review that failed for a cause of our own.
Decision internalError();

/// The answer, an AdmissionReview: always allowed, with uid and apiVersion of the review.
std::string toAnswer(const Review& review, const Decision& decision);

}  // namespace dormouse::injector
