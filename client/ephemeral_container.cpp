#include "client/ephemeral_container.h"

#include <Poco/JSON/Array.h>

#include <sstream>

#include "client/agent_image.h"
#include "client/json_path.h"
#include "client/outcome.h"
#include "common/agent_rights.h"

namespace dormouse::client {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

// It is charged to what the pod's own containers have.
constexpr const char* kMemoryBudget = "--memory-budget=32MiB";
constexpr const char* kMirrorBudget = "--mirror-budget=1536KiB";  // So that two fit into that.
constexpr int kMostConflicts = 10;
constexpr Nanos kPause = std::chrono::milliseconds(300);
constexpr Nanos kStartTime = std::chrono::minutes(2);  // An image may have to be pulled.

Object::Ptr newObject() {
  return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

bool concernsRights(const std::string& sentence) {
  return sentence.find("cannot update resource \"pods/ephemeralcontainers\"") != std::string::npos;
}

[[noreturn]] void refuseForRights(const Pod& pod) {
  throw ClusterError("you may not add an ephemeral container to pod/" + pod.name +
                     ": that is the right to update pods/ephemeralcontainers in the namespace " +
                     pod.nameSpace +
                     ", which an admin gives (chart value developerRole.ephemeralContainers)");
}

[[noreturn]] void refuseForSecurity(const Pod& pod, const std::string& said) {
  throw ClusterError("Pod Security forbids the agent as an ephemeral container in the namespace " +
                     pod.nameSpace + "; a Job on the pod's node is the other way: kubectl mirror " +
                     "attach --node pod/" + pod.name + " (" + said + ")");
}

bool concernsSecurity(const std::string& sentence) {
  return sentence.find("violates PodSecurity") != std::string::npos;
}

}  // namespace

Object::Ptr agentContainer(const NewAgent& agent, const std::string& image, AgentProfile profile) {
  Array::Ptr arguments = new Array;
  for (const std::string& flag : agent.flags()) arguments->add(flag);
  arguments->add(std::string(kMemoryBudget));
  arguments->add(std::string(kMirrorBudget));
  Object::Ptr container = newObject();
  container->set("name", agent.agent.name);
  container->set("image", image);
  container->set("imagePullPolicy", std::string("IfNotPresent"));
  container->set("args", arguments);
  container->set("securityContext", agentSecurityContext(profile == AgentProfile::kPrivileged));
  container->set("terminationMessagePolicy", std::string("FallbackToLogsOnError"));
  if (!agent.container.empty()) container->set("targetContainerName", agent.container);
  return container;
}

std::string withContainer(const Object& pod, const Object::Ptr& container) {
  Object::Ptr metadata = newObject();
  for (const char* name : {"name", "namespace", "uid", "resourceVersion"}) {
    const auto value = textAt(pod, {"metadata", name});
    if (!value) throw ObjectError(std::string("kubectl describes a pod without metadata.") + name);
    metadata->set(name, *value);
  }
  // Those that there are must come back as they are.
  Array::Ptr all = new Array;
  for (const auto& present : objectsAt(pod, {"spec", "ephemeralContainers"})) all->add(present);
  all->add(container);
  Object::Ptr spec = newObject();
  spec->set("ephemeralContainers", all);
  Object::Ptr body = newObject();
  body->set("apiVersion", std::string("v1"));
  body->set("kind", std::string("Pod"));
  body->set("metadata", metadata);
  body->set("spec", spec);
  std::ostringstream text;
  body->stringify(text);
  return text.str();
}

Pod EphemeralContainer::bring(const NewAgent& agent) {
  const std::string image = agentImage(wish_.image, cluster_);
  const AgentProfile profile = findProfile(agent, image);
  cluster_.notice("pod/" + agent.pod.name + ": adding the container " + agent.agent.name +
                  ", image " + image);
  try {
    put(agent, image, profile, false);
  } catch (const RefusedError& error) {
    // Without an answer of the API server: it may have been added all the same.
    if (!error.reason().empty() || !isThere(agent)) throw;
  }
  return awaitRunning(agent);
}

// Asks the API server by dry runs: reading the namespace's labels is no right of a developer's, and
// would not tell of other admission plugins.
AgentProfile EphemeralContainer::findProfile(const NewAgent& agent,
                                             const std::string& image) const {
  try {
    put(agent, image, AgentProfile::kPrivileged, true);
    return AgentProfile::kPrivileged;
  } catch (const RefusedError& error) {
    if (error.reason() != "Forbidden") throw;
    if (concernsRights(error.what())) refuseForRights(agent.pod);
  }
  try {
    put(agent, image, AgentProfile::kBaseline, true);
    return AgentProfile::kBaseline;
  } catch (const RefusedError& error) {
    if (concernsSecurity(error.what())) refuseForSecurity(agent.pod, error.what());
    throw;
  }
}

void EphemeralContainer::put(const NewAgent& agent, const std::string& image, AgentProfile profile,
                             bool dryRun) const {
  const std::string path = "/api/v1/namespaces/" + agent.pod.nameSpace + "/pods/" + agent.pod.name +
                           "/ephemeralcontainers" + (dryRun ? "?dryRun=All" : "");
  const auto container = agentContainer(agent, image, profile);
  for (int conflicts = 0;; ++conflicts) {
    const auto object = cluster_.get("pod", agent.pod.name);
    std::string body;
    try {
      if (podFromJson(*object).uid != agent.pod.uid) {
        throw ClusterError("pod/" + agent.pod.name + " was replaced meanwhile; try again");
      }
      body = withContainer(*object, container);
    } catch (const ObjectError& error) {
      throw ClusterError(error.what());
    }
    try {
      cluster_.call({"replace", "--raw=" + path, "--filename=-", kRequestTimeout}, body);
      return;
    } catch (const RefusedError& error) {
      // The pod's status changes all the time; another client may add a container too.
      if (error.reason() != "Conflict" || conflicts == kMostConflicts) throw;
    }
  }
}

bool EphemeralContainer::isThere(const NewAgent& agent) const {
  try {
    return podFromJson(*cluster_.get("pod", agent.pod.name)).container(agent.agent.name) != nullptr;
  } catch (const std::runtime_error&) {  // ClusterError, ObjectError
    return false;
  }
}

Pod EphemeralContainer::awaitRunning(const NewAgent& agent) const {
  const TimePoint deadline = cluster_.clock().now() + kStartTime;
  const std::string start = "pod/" + agent.pod.name;
  const std::string ends = "; should it start later, it ends by itself";
  for (std::string state = "not begun";;) {
    Pod pod;
    try {
      pod = podFromJson(*cluster_.get("pod", agent.pod.name));
    } catch (const ObjectError& error) {
      throw ClusterError(error.what());
    }
    if (pod.uid != agent.pod.uid || !pod.running()) {
      throw ClusterError(start + " was replaced or ended while the agent was being attached");
    }
    if (const Pod::Container* container = pod.container(agent.agent.name)) {
      if (container->state == "running") return pod;
      const std::string why =
          container->state + (container->message.empty() ? "" : ", " + container->message);
      if (container->state.starts_with("terminated")) {
        throw ClusterError(start + ": the agent's container has ended at once (" + why + ")");
      }
      if (startFails(container->state)) {
        throw ClusterError(start + ": the agent's container does not start (" + why + "), image " +
                           container->image + " (--image names another one)" + ends);
      }
      if (!container->state.empty()) state = why;
    }
    const TimePoint next = cluster_.clock().now() + kPause;
    if (next >= deadline) {
      throw ClusterError(start + ": the agent's container is not running after two minutes (" +
                         state + ")" + ends);
    }
    while (cluster_.clock().now() < next) cluster_.pause(next - cluster_.clock().now());
  }
}

bool EphemeralContainer::mayRun(const AttachedAgent& agent, const Pod& pod) {
  const Pod::Container* container = pod.container(agent.name);
  // One that is waited for by another run of this client may be about to start.
  return container != nullptr && !container->state.starts_with("terminated") &&
         !startFails(container->state);
}

std::string EphemeralContainer::release(const AttachedAgent& agent) {
  return "the agent ends by itself once nothing is mirrored for " +
         std::to_string(agent.idle.count()) + " s; " + remains();
}

std::string EphemeralContainer::remains() const {
  return "the container's description stays in the pod until the pod goes: an ephemeral container "
         "cannot be "
         "removed";
}

}  // namespace dormouse::client
