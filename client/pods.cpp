#include "client/pods.h"

#include <map>

namespace dormouse::client {

ChosenPods choosePods(const Cluster& cluster, const Target& target) {
  const auto object = cluster.get(kindName(target.kind), target.name);
  try {
    if (target.kind == Kind::kPod) return {{podFromJson(*object)}, ""};
    ChosenPods chosen;
    chosen.selector = selectorOf(target, *object);
    chosen.pods = cluster.pods(chosen.selector);
    return chosen;
  } catch (const ObjectError& error) {
    throw ClusterError(error.what());
  }
}

std::string nothingRuns(const Target& target, const std::vector<Pod>& pods) {
  std::map<std::string, int> phases;
  for (const Pod& pod : pods) ++phases[pod.leaving ? "being deleted" : pod.phase];
  std::string detail;
  for (const auto& [phase, count] : phases) {
    detail += (detail.empty() ? "" : ", ") + std::to_string(count) + " " + phase;
  }
  return "no pod of " + target.text() + " is running (" +
         (detail.empty() ? "it has none" : detail) + ")";
}

}  // namespace dormouse::client
