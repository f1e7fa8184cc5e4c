#include "client/access.h"

#include "client/agent_store.h"
#include "client/attach.h"
#include "client/way_in.h"

namespace dormouse::client {
namespace {

// As the chart calls it.
constexpr const char* kNodeNamespace = "--namespace=dormouse-node";

// `kubectl auth can-i` says no by its exit code; what it cannot find out is no permission either.
bool may(const Cluster& cluster, const std::vector<std::string>& what) {
  std::vector<std::string> arguments = {"auth", "can-i"};
  arguments.insert(arguments.end(), what.begin(), what.end());
  try {
    return cluster.call(arguments).starts_with("yes");
  } catch (const RefusedError&) {
    return false;
  }
}

std::string pairsTyped(const Arguments& arguments) {
  std::string text;
  if (arguments.command != Command::kMirror) return text;
  for (const PortPair& pair : arguments.pairs) {
    text += " " + std::to_string(pair.remote) + ":" + std::to_string(pair.local);
  }
  return text;
}

}  // namespace

std::string waysOpen(const Pod& pod, const Arguments& arguments, const Cluster& cluster) {
  const bool ephemeral =
      may(cluster, {"update", "pods/" + pod.name, "--subresource=ephemeralcontainers"});
  const bool node = may(cluster, {"create", "jobs.batch", kNodeNamespace});
  std::string target = "pod/" + pod.name + pairsTyped(arguments);
  const std::string& typed = cluster.kubectl().typedOptions();
  if (!typed.empty()) target += " " + typed.substr(0, typed.size() - 1);
  if (!ephemeral && !node) {
    return "\nNo other way is open to you: an admin may allow ephemeral containers (chart value "
           "developerRole.ephemeralContainers) or Jobs on the node (nodeJob.enabled)";
  }
  std::string text = "\nOpen to you:";
  if (ephemeral) {
    text += "\n  kubectl mirror attach " + target +
            "\n    an ephemeral container, whose description stays in the pod";
  }
  if (node) {
    text += "\n  kubectl mirror attach --node " + target + "\n    a Job on the pod's node";
  }
  return text;
}

Access accessTo(const Pod& pod, const Arguments& arguments, const Cluster& cluster) {
  const bool chosen = !arguments.agent.container.empty() || arguments.agent.controlPort != 0;
  try {
    controlPortOf(pod, arguments.agent, cluster.kubectl().typedOptions());
  } catch (const NoAgentError& error) {
    if (chosen) throw ClusterError(error.what());
    const AgentStore store(AgentStore::usualDirectory());
    if (const auto kept = keptAgent(pod, store, cluster)) return {wishOf(*kept), kept->token};
    throw ClusterError(error.what() + waysOpen(pod, arguments, cluster));
  } catch (const ObjectError&) {
    // It may come to run. Who reaches it says what is wrong.
  }
  return {arguments.agent, arguments.token.empty() ? cluster.token(arguments.secret, arguments.as)
                                                   : arguments.token};
}

}  // namespace dormouse::client
