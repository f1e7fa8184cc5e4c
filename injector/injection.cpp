#include "injector/injection.h"

#include "common/version.h"

namespace dormouse::injector {
namespace {

// A pod with a volume of that name would be refused if it got a second one.
std::string freeVolumeName(const Pod& pod) {
  std::string name = kTokenVolume;
  for (int i = 2; pod.volumeNames().count(name) != 0; ++i) {
    name = std::string(kTokenVolume) + "-" + std::to_string(i);
  }
  return name;
}

std::string status(Profile profile, Mode mode, const Overrides& overrides) {
  JsonObject object = newObject();
  object->set("version", kVersion);
  object->set("profile", toText(profile));
  object->set("mode", toText(mode));
  object->set("controlPort", static_cast<int>(overrides.controlPort));
  return toText(object);
}

}  // namespace

Injection inject(const Pod& pod, Profile profile, Mode mode, const InjectionSettings& settings) {
  Overrides overrides = overridesFor(pod, settings);
  ContainerPlan plan;
  plan.profile = profile;
  plan.mode = mode;
  plan.resources = !pod.podLevelResources();
  plan.tokenVolume = freeVolumeName(pod);
  JsonObject container = makeContainer(plan, settings, overrides);

  Patch patch(pod.json());
  if (mode == Mode::kNative) {
    // The first to start, so that it can mirror what the app's own init containers receive.
    patch.prepend({"spec", "initContainers"}, container);
  } else {
    // The last: the first container is the one kubectl logs and exec choose.
    patch.append({"spec", "containers"}, container);
  }
  patch.append({"spec", "volumes"}, makeTokenVolume(plan.tokenVolume, settings.tokenSecret));
  std::set<std::string> present = pod.pullSecrets();
  for (const std::string& name : settings.pullSecrets) {
    if (!present.insert(name).second) continue;
    JsonObject reference = newObject();
    reference->set("name", name);
    patch.append({"spec", "imagePullSecrets"}, reference);
  }
  patch.set({"metadata", "annotations", kStatusAnnotation}, status(profile, mode, overrides));
  return {std::move(patch), std::move(overrides.warnings)};
}

Patch markSkipped(const Pod& pod, const std::string& reason) {
  JsonObject object = newObject();
  object->set("skipped", reason);
  Patch patch(pod.json());
  patch.set({"metadata", "annotations", kStatusAnnotation}, toText(object));
  return patch;
}

}  // namespace dormouse::injector
