// What an admin fixes about the sidecar. Plain data; options.cpp fills it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace dormouse::injector {

/// What Pod Security lets a container of the namespace have; chosen by the path of the review.
enum class Profile : std::uint8_t {
  kPrivileged,  // Capabilities: ALL dropped, NET_RAW added.
  kBaseline,    // Adding is forbidden, the runtime's default set is not: left unset.
  kRestricted,  // ALL must be dropped: nothing is injected.
};

/// "privileged", "baseline", "restricted".
const char* toText(Profile profile);

/// The container's resources where no annotation says otherwise. Kubernetes quantities, checked at
/// the start.
struct ResourceSettings {
  std::string cpuRequest = "10m";
  std::string cpuLimit = "500m";
  std::string memoryRequest = "32Mi";
  std::string memoryLimit = "96Mi";
  /// In a Guaranteed pod requests equal limits, so the CPU limit is what is reserved: it is this
  /// one there.
  std::string guaranteedCpu = "100m";
  std::string maxCpuLimit = "2";         // How far the annotations may go.
  std::string maxMemoryLimit = "512Mi";  // As above.
};

/// Ceilings that become flags of every sidecar; no request and no annotation can lift them.
struct CeilingSettings {
  std::set<std::uint16_t> allowPorts;  // Empty: all.
  std::vector<std::string> allowTo;    // CIDRs. Empty: push is off.
  int maxPercent = 100;
  std::vector<std::string> redactHeaders;
};

struct InjectionSettings {
  std::string image;
  std::string imagePullPolicy;           // Empty: not written.
  std::vector<std::string> pullSecrets;  // Names of Secrets in the pod's own namespace.
  std::uint16_t controlPort = 4747;
  std::string tokenSecret = "dormouse";  // Mounted if the pod's namespace has it.
  std::vector<std::string> sidecarArgs;  // Further flags, as they are.
  ResourceSettings resources;
  CeilingSettings ceilings;
};

/// Which pods are meant. The webhook configuration's selectors say the same; a review carries no
/// namespace labels, so of those the configuration alone decides.
struct SelectionSettings {
  bool allPods = false;                      // All but those labelled "false".
  std::string ownNamespace;                  // Never injected. Empty: unknown.
  std::set<std::string> excludedNamespaces;  // Beside kube-*.
};

// Names that users see.
inline constexpr const char* kContainerName = "dormouse";
inline constexpr const char* kTokenVolume = "dormouse-tokens";
inline constexpr const char* kInjectLabel = "dormouse.dev/inject";
inline constexpr const char* kStatusAnnotation = "dormouse.dev/status";
inline constexpr const char* kPortsAnnotation = "dormouse.dev/ports";
inline constexpr const char* kControlPortAnnotation = "dormouse.dev/control-port";
inline constexpr const char* kCpuLimitAnnotation = "dormouse.dev/cpu-limit";
inline constexpr const char* kMemoryLimitAnnotation = "dormouse.dev/memory-limit";

}  // namespace dormouse::injector
