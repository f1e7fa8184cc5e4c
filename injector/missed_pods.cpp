#include "injector/missed_pods.h"

#include "injector/pod.h"

namespace dormouse::injector {
namespace {

// "dormouse.dev/injection=enabled", "dormouse.dev/inject=true" and "…!=false", for a query.
constexpr const char* kNamespaces =
    "/api/v1/namespaces?labelSelector=dormouse.dev%2Finjection%3Denabled";
constexpr const char* kLabelled = "?labelSelector=dormouse.dev%2Finject%3Dtrue";
constexpr const char* kNotOptedOut = "?labelSelector=dormouse.dev%2Finject%21%3Dfalse";

bool isOver(const JsonObject& pod) {
  const auto phase = stringMember(objectMember(pod, "status"), "phase").value_or("");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

bool MissedPods::step() noexcept {
  try {
    std::int64_t missed = 0;
    for (const JsonObject& space : readList(api_, kNamespaces)) {
      const auto name = stringMember(objectMember(space, "metadata"), "name").value_or("");
      if (name.empty() || name == selection_.ownNamespace || name.rfind("kube-", 0) == 0 ||
          selection_.excludedNamespaces.count(name) != 0) {
        continue;
      }
      missed += countIn(name);
    }
    count_ = missed;
    return true;
  } catch (const std::exception& error) {
    log_.warn("the pods could not be counted", {{"cause", std::string(error.what())}});
    return false;
  }
}

std::int64_t MissedPods::countIn(const std::string& space) {
  const std::string path =
      "/api/v1/namespaces/" + space + "/pods" + (selection_.allPods ? kNotOptedOut : kLabelled);
  std::int64_t missed = 0;
  for (const JsonObject& json : readList(api_, path)) {
    if (!isOver(json) && !Pod(json).hasSidecar()) ++missed;
  }
  return missed;
}

}  // namespace dormouse::injector
