#include "client/node_job.h"

#include <chrono>

#include "client/json_path.h"
#include "client/node_job_manifest.h"
#include "client/outcome.h"

namespace dormouse::client {
namespace {

using Poco::JSON::Object;

// After those that the user gave: the last one counts.
constexpr const char* kNamespace = "--namespace=dormouse-node";
constexpr Nanos kPause = std::chrono::milliseconds(300);
constexpr Nanos kRemoveTime = std::chrono::seconds(20);
constexpr Nanos kStartTime = std::chrono::minutes(2);  // An image may have to be pulled.

// What the agent has written last: a log line, which is one JSON object, of which a person wants to
// read the sentence. Empty if it has written nothing.
std::string lastWords(const Object& pod) {
  std::string message;
  for (const auto& status : objectsAt(pod, {"status", "containerStatuses"})) {
    message = textAt(*status, {"state", "terminated", "message"}).value_or("");
  }
  message.erase(message.find_last_not_of('\n') + 1);
  const std::string line = message.substr(message.rfind('\n') + 1);  // All of it without one.
  try {
    return printable(textAt(*objectFromText(line), {"error"}).value_or(line), 1000);
  } catch (const ObjectError&) {
    return printable(line, 1000);
  }
}

}  // namespace

Pod NodeJob::bring(const NewAgent& agent) {
  const auto configMap = adminsJob();
  std::string manifest;
  std::string node;
  Pod pod;
  try {
    const auto object = cluster_.get("pod", agent.pod.name);
    pod = podFromJson(*object);
    if (pod.uid != agent.pod.uid) {
      throw ClusterError("pod/" + agent.pod.name + " was replaced meanwhile; try again");
    }
    const NodeTarget target = nodeTargetOf(*object, wish_.container);
    node = target.node;
    manifest = nodeJobManifest(*configMap, agent, target);
  } catch (const ObjectError& error) {
    throw ClusterError("pod/" + agent.pod.name + ": " + error.what());
  }
  create(agent, manifest);
  try {
    awaitRunning(agent, node);
  } catch (const ClusterError&) {
    abandon(agent.agent);
    throw;
  }
  return pod;
}

Object::Ptr NodeJob::adminsJob() const {
  try {
    return objectFromText(cluster_.call(
        {"get", "configmap", "dormouse-node-job", kNamespace, "--output=json", kRequestTimeout}));
  } catch (const RefusedError& error) {
    if (error.reason() == "NotFound") {
      throw ClusterError(
          "this cluster has no node Jobs: an admin allows them with the chart value "
          "nodeJob.enabled=true (Kubernetes 1.30 or newer)");
    }
    if (error.reason() == "Forbidden") {
      throw ClusterError(
          "you may make no node Jobs: an admin binds the Role dormouse-node-developer of the "
          "namespace dormouse-node to you, if the cluster has it (" +
          std::string(error.what()) + ")");
    }
    throw;
  } catch (const ObjectError& error) {
    throw ClusterError(std::string("configmap/dormouse-node-job: ") + error.what());
  }
}

void NodeJob::create(const NewAgent& agent, const std::string& manifest) {
  try {
    cluster_.call({"create", kNamespace, "--filename=-", "--output=name", kRequestTimeout},
                  manifest);
  } catch (const RefusedError& error) {
    throw ClusterError("no Job for pod/" + agent.pod.name +
                       " can be made on its node: " + error.what());
  } catch (const ClusterError&) {
    // Whether it was made is not known: kubectl was ended, or took too long.
    abandon(agent.agent);
    throw;
  }
}

void NodeJob::awaitRunning(const NewAgent& agent, const std::string& node) const {
  const TimePoint deadline = cluster_.clock().now() + kStartTime;
  for (std::string state = "its pod has not been made";;) {
    if (runs(agent, state)) return;
    const TimePoint next = cluster_.clock().now() + kPause;
    if (next >= deadline) {
      throw ClusterError("the Job " + agent.agent.name + " on the node " + printable(node, 253) +
                         " does not run after two minutes (" + state + ")");
    }
    while (cluster_.clock().now() < next) cluster_.pause(next - cluster_.clock().now());
  }
}

bool NodeJob::runs(const NewAgent& agent, std::string& state) const {
  const std::string text =
      cluster_.call({"get", "pods", kNamespace, "--selector=job-name=" + agent.agent.name,
                     "--output=json", kRequestTimeout});
  try {
    for (const auto& object : itemsOf(*objectFromText(text))) {
      const Pod pod = podFromJson(*object);
      const std::string reason = printable(textAt(*object, {"status", "reason"}).value_or(""), 100);
      if (!pod.containers.empty() && !pod.containers.front().state.empty()) {
        const Pod::Container& container = pod.containers.front();
        if (container.state == "running") return true;
        if (container.state.starts_with("terminated")) {
          const std::string said = lastWords(*object);
          throw ClusterError("the agent cannot enter pod/" + agent.pod.name + ": " +
                             (said.empty() ? container.state : said));
        }
        state = container.state + (container.message.empty() ? "" : ", " + container.message);
        if (startFails(container.state)) {
          throw ClusterError("the Job " + agent.agent.name + " does not start: " + state);
        }
      } else if (pod.phase == "Failed") {
        const std::string why = textAt(*object, {"status", "message"}).value_or("");
        throw ClusterError("the node refuses the Job " + agent.agent.name + ": " + reason +
                           (why.empty() ? "" : ", " + printable(why, 500)));
      } else {
        state = "its pod is " + pod.phase + (reason.empty() ? "" : ", " + reason);
      }
    }
  } catch (const ObjectError& error) {
    throw ClusterError(error.what());
  }
  return false;
}

bool NodeJob::mayRun(const AttachedAgent& agent, const Pod&) {
  try {
    const auto job = objectFromText(
        cluster_.call({"get", "job", agent.name, kNamespace, "--output=json", kRequestTimeout}));
    for (const auto& condition : objectsAt(*job, {"status", "conditions"})) {
      const std::string type = textAt(*condition, {"type"}).value_or("");
      const bool holds = textAt(*condition, {"status"}) == "True";
      if (holds && (type == "Complete" || type == "Failed")) return false;
    }
    return !textAt(*job, {"metadata", "deletionTimestamp"});
  } catch (const RefusedError& error) {
    if (error.reason() == "NotFound") return false;
    throw;
  } catch (const ObjectError& error) {
    throw ClusterError(std::string("job/") + agent.name + ": " + error.what());
  }
}

std::string NodeJob::release(const AttachedAgent& agent) {
  remove(agent.name);
  return "the Job " + agent.name + " in the namespace dormouse-node is deleted";
}

// Also after Ctrl-C, when nothing else is asked of the cluster any more.
void NodeJob::remove(const std::string& name) const {
  const TimePoint end = cluster_.clock().now() + kRemoveTime;
  const Cluster undisturbed(
      cluster_.kubectl(), cluster_.loop(), cluster_.clock(),
      [&] { return cluster_.clock().now() >= end; },
      [this](const std::string& sentence) { cluster_.notice(sentence); });
  undisturbed.call(
      {"delete", "job", name, kNamespace, "--ignore-not-found", "--wait=false", kRequestTimeout});
}

void NodeJob::abandon(const AttachedAgent& agent) {
  try {
    remove(agent.name);
  } catch (const ClusterError& error) {
    cluster_.notice("the Job " + agent.name +
                    " in the namespace dormouse-node could not be deleted (" + error.what() +
                    "); it ends by itself");
  }
}

}  // namespace dormouse::client
