#include "injector/container.h"

#include "common/agent_rights.h"

namespace dormouse::injector {
namespace {

constexpr const char* kTokenDirectory = "/etc/dormouse/tokens";
// Where the API server mounts the app's ServiceAccount token into every container that has nothing
// there. The sidecar must not hold it.
constexpr const char* kServiceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";
// Without a limit of its own the sidecar is charged to what the app has.
constexpr const char* kSharedBudget = "32MiB";

JsonArray arguments(const ContainerPlan& plan, const InjectionSettings& settings,
                    const Overrides& overrides) {
  JsonArray list = newArray();
  list->add("--listen=127.0.0.1:" + std::to_string(overrides.controlPort));
  list->add(std::string("--token-dir=") + kTokenDirectory);
  for (const std::uint16_t port : overrides.allowPorts) {
    list->add("--allow-port=" + std::to_string(port));
  }
  for (const std::string& network : settings.ceilings.allowTo) list->add("--allow-to=" + network);
  if (settings.ceilings.maxPercent < 100) {
    list->add("--max-percent=" + std::to_string(settings.ceilings.maxPercent));
  }
  for (const std::string& name : settings.ceilings.redactHeaders) {
    list->add("--redact-header=" + name);
  }
  if (!plan.resources) list->add(std::string("--memory-budget=") + kSharedBudget);
  for (const std::string& argument : settings.sidecarArgs) list->add(argument);
  return list;
}

JsonObject amounts(const std::string& cpu, const std::string& memory) {
  JsonObject object = newObject();
  object->set("cpu", cpu);
  object->set("memory", memory);
  return object;
}

JsonObject resources(const Overrides& overrides) {
  JsonObject object = newObject();
  object->set("requests", amounts(overrides.cpuRequest, overrides.memoryRequest));
  object->set("limits", amounts(overrides.cpuLimit, overrides.memoryLimit));
  return object;
}

JsonObject mount(const std::string& volume, const char* path) {
  JsonObject object = newObject();
  object->set("name", volume);
  object->set("mountPath", path);
  object->set("readOnly", true);
  return object;
}

}  // namespace

const char* toText(Profile profile) {
  switch (profile) {
    case Profile::kPrivileged:
      return "privileged";
    case Profile::kBaseline:
      return "baseline";
    case Profile::kRestricted:
      break;
  }
  return "restricted";
}

const char* toText(Mode mode) {
  return mode == Mode::kNative ? "native" : "plain";
}

JsonObject makeContainer(const ContainerPlan& plan, const InjectionSettings& settings,
                         const Overrides& overrides) {
  JsonObject container = newObject();
  container->set("name", kContainerName);
  container->set("image", settings.image);
  if (!settings.imagePullPolicy.empty())
    container->set("imagePullPolicy", settings.imagePullPolicy);
  container->set("args", arguments(plan, settings, overrides));
  if (plan.mode == Mode::kNative) container->set("restartPolicy", "Always");
  if (plan.resources) container->set("resources", resources(overrides));
  container->set("securityContext", agentSecurityContext(plan.profile == Profile::kPrivileged));
  JsonArray mounts = newArray();
  mounts->add(mount(plan.tokenVolume, kTokenDirectory));
  mounts->add(mount(plan.tokenVolume, kServiceAccountDirectory));
  container->set("volumeMounts", mounts);
  container->set("terminationMessagePolicy", "FallbackToLogsOnError");
  return container;
}

JsonObject makeTokenVolume(const std::string& name, const std::string& secret) {
  JsonObject source = newObject();
  source->set("secretName", secret);
  source->set("optional", true);
  JsonObject volume = newObject();
  volume->set("name", name);
  volume->set("secret", source);
  return volume;
}

}  // namespace dormouse::injector
