// The sidecar's container.
#pragma once

#include <string>

#include "injector/injection_settings.h"
#include "injector/json.h"
#include "injector/overrides.h"

namespace dormouse::injector {

/// How the container runs beside those of the app.
enum class Mode : std::uint8_t {
  kNative,  // A restartable init container (Kubernetes 1.29): starts first, lets Jobs end.
  kPlain,   // One more container.
};

/// "native", "plain".
const char* toText(Mode mode);

/// Which container is to be made.
struct ContainerPlan {
  Profile profile = Profile::kBaseline;  // Never kRestricted.
  Mode mode = Mode::kNative;
  bool resources = true;  // False in a pod with resources of its own.
  std::string tokenVolume;
};

/// The container as the pod's spec takes it.
JsonObject makeContainer(const ContainerPlan& plan, const InjectionSettings& settings,
                         const Overrides& overrides);

/// The volume of that name: the Secret with the tokens, if the namespace has it.
JsonObject makeTokenVolume(const std::string& name, const std::string& secret);

}  // namespace dormouse::injector
