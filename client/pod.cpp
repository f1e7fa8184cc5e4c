#include "client/pod.h"

#include <algorithm>

#include "client/json_path.h"
#include "client/outcome.h"

namespace dormouse::client {
namespace {

using Poco::JSON::Object;

constexpr std::uint16_t kUsualControlPort = 4747;
constexpr const char* kStatusAnnotation = "dormouse.dev/status";
constexpr const char* kInjectLabel = "dormouse.dev/inject";
constexpr const char* kAgentContainer = "dormouse";
constexpr int kMaxDepth = 64;
constexpr std::size_t kMostAnnotation = 4096;

std::uint16_t portOf(const std::optional<std::uint64_t>& number) {
  return number && *number >= 1 && *number <= 65535 ? static_cast<std::uint16_t>(*number) : 0;
}

std::string nameAt(const Object& object, const char* name) {
  const std::string text = textAt(object, {"metadata", name}).value_or("");
  if (!isObjectName(text)) {
    throw ObjectError(std::string("kubectl describes a pod without a valid metadata.") + name);
  }
  return text;
}

std::string stateOf(const Object& status) {
  const auto state = objectAt(status, {"state"});
  if (!state) return "";
  if (objectAt(*state, {"running"})) return "running";
  for (const char* name : {"waiting", "terminated"}) {
    if (const auto detail = objectAt(*state, {name})) {
      const auto reason = textAt(*detail, {"reason"});
      return reason ? std::string(name) + ": " + printable(*reason, 100) : name;
    }
  }
  return "";
}

std::string messageOf(const Object& status) {
  for (const char* name : {"waiting", "terminated"}) {
    if (const auto text = textAt(status, {"state", name, "message"})) return printable(*text, 500);
  }
  return "";
}

void readContainers(const Object& object, const char* spec, const char* statuses, Pod& pod) {
  std::map<std::string, Object::Ptr> found;
  for (const auto& status : objectsAt(object, {"status", statuses})) {
    found[textAt(*status, {"name"}).value_or("")] = status;
  }
  for (const auto& description : objectsAt(object, {"spec", spec})) {
    Pod::Container container;
    container.name = printable(textAt(*description, {"name"}).value_or(""), 100);
    container.image = printable(textAt(*description, {"image"}).value_or(""), 500);
    if (const auto status = found.find(container.name); status != found.end()) {
      container.state = stateOf(*status->second);
      container.message = messageOf(*status->second);
    }
    for (const auto& port : objectsAt(*description, {"ports"})) {
      const std::uint16_t number = portOf(unsignedAt(*port, {"containerPort"}));
      if (number == 0) continue;
      container.ports.push_back(number);
      if (const auto name = textAt(*port, {"name"})) container.namedPorts.emplace(*name, number);
    }
    pod.containers.push_back(std::move(container));
  }
}

const Pod::Container* agentOf(const Pod& pod, const AgentWish& wish) {
  if (wish.attached && wish.container.empty()) return nullptr;  // It is not in the pod.
  return pod.container(wish.container.empty() ? kAgentContainer : wish.container);
}

[[noreturn]] void notInjected(const Pod& pod, const std::string& typed) {
  std::string sentence = "pod/" + pod.name + " has no mirror agent: it was not injected. ";
  const auto label = pod.labels.find(kInjectLabel);
  if (label == pod.labels.end()) {
    sentence += std::string("It lacks the label ") + kInjectLabel + "=true";
  } else {
    sentence += std::string("Its label ") + kInjectLabel + " is " + printable(label->second, 63);
  }
  sentence += "; its namespace needs dormouse.dev/injection=enabled (kubectl " + typed +
              "get namespace " + pod.nameSpace +
              " --show-labels tells), both before the pod is created";
  throw NoAgentError(sentence);
}

// What the annotation `text` says about the port. Throws if it says that there is no agent.
std::uint16_t annotatedPort(const Pod& pod, std::string_view text) {
  const std::string start = "pod/" + pod.name;
  Object::Ptr status;
  try {
    status = objectFromText(text.substr(0, kMostAnnotation));
  } catch (const ObjectError& error) {
    throw ObjectError(start + ": its annotation " + kStatusAnnotation +
                      " cannot be read: " + error.what());
  }
  if (status->has("skipped")) {
    const std::string reason = printable(textAt(*status, {"skipped"}).value_or("?"), 100);
    if (reason != "restricted") {
      throw NoAgentError(start + " has no mirror agent: the injector skipped it (" + reason + ")");
    }
    throw NoAgentError(start + " has no mirror agent: its namespace " + pod.nameSpace +
                       " enforces the Pod Security level restricted, and where that is so nothing "
                       "is injected");
  }
  if (!status->has("controlPort")) return kUsualControlPort;
  const std::uint16_t port = portOf(unsignedAt(*status, {"controlPort"}));
  if (port == 0) {
    throw ObjectError(start + ": controlPort in its annotation " + kStatusAnnotation +
                      " is no port");
  }
  return port;
}

}  // namespace

const Pod::Container* Pod::container(std::string_view wanted) const {
  const auto found = std::find_if(containers.begin(), containers.end(),
                                  [&](const Container& c) { return c.name == wanted; });
  return found == containers.end() ? nullptr : &*found;
}

Pod podFromJson(const Object& object) {
  if (textAt(object, {"kind"}) != "Pod") throw ObjectError("kubectl describes something but a pod");
  Pod pod;
  pod.name = nameAt(object, "name");
  pod.nameSpace = nameAt(object, "namespace");
  pod.uid = printable(textAt(object, {"metadata", "uid"}).value_or(""), 100);
  pod.phase = printable(textAt(object, {"status", "phase"}).value_or("Unknown"), 100);
  pod.leaving = textAt(object, {"metadata", "deletionTimestamp"}).has_value();
  pod.labels = textsAt(object, {"metadata", "labels"});
  const auto annotations = objectAt(object, {"metadata", "annotations"});
  if (annotations) pod.status = textAt(*annotations, {kStatusAnnotation});
  readContainers(object, "initContainers", "initContainerStatuses", pod);
  readContainers(object, "containers", "containerStatuses", pod);
  const std::size_t usual = pod.containers.size();
  readContainers(object, "ephemeralContainers", "ephemeralContainerStatuses", pod);
  for (std::size_t i = usual; i < pod.containers.size(); ++i) pod.containers[i].ephemeral = true;
  pod.hostNetwork = booleanAt(object, {"spec", "hostNetwork"}).value_or(false);
  return pod;
}

Object::Ptr objectFromText(std::string_view text) {
  try {
    return wire::parseStrictObject(text, kMaxDepth);
  } catch (const std::invalid_argument& error) {
    throw ObjectError(std::string("what is there is no JSON object: ") + error.what());
  }
}

std::vector<Object::Ptr> itemsOf(const Object& list) {
  if (!list.isArray("items")) throw ObjectError("kubectl answers something but a list");
  return objectsAt(list, {"items"});
}

std::uint16_t controlPortOf(const Pod& pod, const AgentWish& wish,
                            const std::string& typedOptions) {
  const std::string start = "pod/" + pod.name;
  if (pod.leaving) throw ObjectError(start + " is being deleted");
  const Pod::Container* agent = agentOf(pod, wish);
  std::uint16_t port = wish.controlPort;
  // An agent that was put in by hand has no annotation.
  if (pod.status && !wish.attached) {
    const std::uint16_t written = annotatedPort(pod, *pod.status);
    if (port == 0) port = written;
  } else if (agent == nullptr && !wish.container.empty()) {
    throw NoAgentError(start + " has no container " + printable(wish.container, 100));
  } else if (agent == nullptr && port == 0) {
    notInjected(pod, typedOptions);
  }
  if (pod.phase != "Running") {
    throw ObjectError(start + " is not running: its phase is " + pod.phase);
  }
  if (!agentMayAnswer(pod, wish)) {
    // What has come as an ephemeral container is never started again.
    if (wish.attached && agent->state.starts_with("terminated")) {
      throw NoAgentError(start + ": the agent that was attached has ended (container " +
                         agent->name + ", " + agent->state + ")");
    }
    throw ObjectError(start + ": the agent's container " + agent->name + " is not running (" +
                      agent->state + ")");
  }
  return port == 0 ? kUsualControlPort : port;
}

bool agentMayAnswer(const Pod& pod, const AgentWish& wish) {
  const Pod::Container* agent = agentOf(pod, wish);
  return agent == nullptr || agent->state.empty() || agent->state == "running";
}

bool isObjectName(std::string_view text) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 253 && alphanumeric(text.front()) &&
         alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return alphanumeric(c) || c == '-' || c == '.';
         });
}

}  // namespace dormouse::client
