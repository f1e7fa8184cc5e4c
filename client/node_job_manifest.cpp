#include "client/node_job_manifest.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <sstream>
#include <string_view>

#include "client/json_path.h"
#include "client/outcome.h"

namespace dormouse::client {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

// A static pod's uid is the API server's own; its node knows it by this.
constexpr const char* kStaticPod = "kubernetes.io/config.hash";
constexpr std::size_t kIdLength = 64;

std::string demandedText(const Object& object, JsonPath path, const char* what) {
  const auto text = textAt(object, path);
  if (!text || text->empty())
    throw ObjectError(std::string("kubectl describes a pod without ") + what);
  return *text;
}

bool isLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "containerd://0123…" -> "0123…"
std::string idOf(const Object& status, const std::string& name) {
  const std::string text = textAt(status, {"containerID"}).value_or("");
  const std::size_t scheme = text.find("://");
  const std::string id = scheme == std::string::npos ? "" : text.substr(scheme + 3);
  if (id.size() != kIdLength || !isLowerHex(id)) {
    throw ObjectError("the container " + name +
                      " has an ID that is not understood: " + printable(text, 100));
  }
  return id;
}

[[noreturn]] void refuse(const char* what) {
  throw ObjectError(std::string("the ConfigMap dormouse-node-job in the namespace dormouse-node "
                                "holds no Job as the chart makes it: ") +
                    what);
}

Object::Ptr demandedObject(const Object& object, JsonPath path, const char* what) {
  const auto found = objectAt(object, path);
  if (!found) refuse(what);
  return found;
}

}  // namespace

NodeTarget nodeTargetOf(const Object& pod, const std::string& container) {
  NodeTarget target;
  target.node = demandedText(pod, {"spec", "nodeName"}, "spec.nodeName");
  target.podUid = demandedText(pod, {"metadata", "uid"}, "metadata.uid");
  if (const auto annotations = objectAt(pod, {"metadata", "annotations"})) {
    target.podUid = textAt(*annotations, {kStaticPod}).value_or(target.podUid);
  }
  for (const auto& status : objectsAt(pod, {"status", "containerStatuses"})) {
    const std::string name = printable(textAt(*status, {"name"}).value_or(""), 100);
    if (!container.empty() && name != container) continue;
    if (!objectAt(*status, {"state", "running"})) continue;
    target.container = name;
    target.containerId = idOf(*status, name);
    return target;
  }
  throw ObjectError(container.empty() ? "no container of the pod runs"
                                      : "the pod's container " + container + " does not run");
}

std::string nodeJobManifest(const Object& configMap, const NewAgent& agent,
                            const NodeTarget& target) {
  const auto data = objectAt(configMap, {"data"});
  const auto text = data ? textAt(*data, {"job.json"}) : std::nullopt;
  if (!text) refuse("it has no job.json");
  Object::Ptr job = objectFromText(*text);
  if (textAt(*job, {"kind"}) != "Job") refuse("its kind is another");
  auto spec = demandedObject(*job, {"spec", "template", "spec"}, "it has no spec.template.spec");
  auto containers = objectsAt(*spec, {"containers"});
  if (containers.size() != 1) refuse("it has not one container");

  Array::Ptr arguments = new Array;
  arguments->add("--enter-pod=" + agent.pod.nameSpace + "/" + agent.pod.name);
  arguments->add("--enter-pod-uid=" + target.podUid);
  arguments->add("--enter-container=" + target.containerId);
  for (const std::string& flag : agent.flags()) arguments->add(flag);
  for (const std::string& flag : textListAt(*containers.front(), {"args"})) arguments->add(flag);
  containers.front()->set("args", arguments);
  spec->set("nodeName", target.node);
  demandedObject(*job, {"metadata"}, "it has no metadata")->set("name", agent.agent.name);
  std::ostringstream out;
  job->stringify(out);
  return out.str();
}

}  // namespace dormouse::client
