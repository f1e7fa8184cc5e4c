#include "injector/pod.h"

#include <stdexcept>

#include "injector/injection_settings.h"
#include "injector/quantity.h"

namespace dormouse::injector {
namespace {

// One container's share in the class Guaranteed (k8s.io/kubernetes/pkg/apis/core/v1/helper/qos):
// limits above zero, and requests that equal them. The API server fills absent requests from the
// limits, before or after the webhooks.
bool isGuaranteed(const JsonObject& container) {
  const JsonObject resources = objectMember(container, "resources");
  const JsonObject limits = objectMember(resources, "limits");
  const JsonObject requests = objectMember(resources, "requests");
  for (const char* name : {"cpu", "memory"}) {
    const auto limitText = quantityMember(limits, name);
    const auto limit = limitText ? Quantity::parse(*limitText) : std::nullopt;
    if (!limit || limit->isZero()) return false;
    const auto requestText = quantityMember(requests, name);
    if (!requestText) continue;
    const auto request = Quantity::parse(*requestText);
    if (!request || *request != *limit) return false;
  }
  return true;
}

}  // namespace

Pod::Pod(JsonObject pod) : json_(std::move(pod)) {
  const JsonObject metadata = objectMember(json_, "metadata");
  namespace_ = stringMember(metadata, "namespace").value_or("");
  labels_ = texts(metadata, "labels");
  annotations_ = texts(metadata, "annotations");

  const JsonObject spec = objectMember(json_, "spec");
  if (spec.isNull()) throw std::invalid_argument("the pod has no \"spec\"");
  hostNetwork_ = boolMember(spec, "hostNetwork").value_or(false);
  const Texts nodes = texts(spec, "nodeSelector");
  const std::string* nodeSystem = find(nodes, "kubernetes.io/os");
  windows_ = stringMember(objectMember(spec, "os"), "name").value_or("") == "windows" ||
             (nodeSystem != nullptr && *nodeSystem == "windows");
  runsToCompletion_ = stringMember(spec, "restartPolicy").value_or("Always") != "Always";
  const JsonObject resources = objectMember(spec, "resources");
  podLevelResources_ = !resources.isNull() && resources->size() > 0;
  readContainers(spec, "containers");
  readContainers(spec, "initContainers");
  volumes_ = names(spec, "volumes");
  pullSecrets_ = names(spec, "imagePullSecrets");
}

void Pod::readContainers(const JsonObject& spec, const char* list) {
  const JsonArray containers = arrayMember(spec, list);
  if (containers.isNull()) return;
  for (unsigned i = 0; i < containers->size(); ++i) {
    const JsonObject container = objectElement(containers, i, list);
    hasSidecar_ = hasSidecar_ || stringMember(container, "name").value_or("") == kContainerName;
    guaranteed_ = guaranteed_ && isGuaranteed(container);
    const JsonArray ports = arrayMember(container, "ports");
    if (ports.isNull()) continue;
    for (unsigned j = 0; j < ports->size(); ++j) {
      const auto port = integerMember(objectElement(ports, j, "ports"), "containerPort");
      if (port) ports_.insert(*port);
    }
  }
}

Pod::Texts Pod::texts(const JsonObject& parent, const std::string& name) {
  Texts result;
  const JsonObject object = objectMember(parent, name);
  if (object.isNull()) return result;
  for (const auto& entry : *object) {
    result[entry.first] = stringMember(object, entry.first).value_or("");
  }
  return result;
}

std::set<std::string> Pod::names(const JsonObject& parent, const std::string& list) {
  std::set<std::string> result;
  const JsonArray array = arrayMember(parent, list);
  if (array.isNull()) return result;
  for (unsigned i = 0; i < array->size(); ++i) {
    const auto name = stringMember(objectElement(array, i, list.c_str()), "name");
    if (name) result.insert(*name);
  }
  return result;
}

const std::string* Pod::find(const Texts& texts, const std::string& name) {
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

const std::string* Pod::label(const std::string& name) const {
  return find(labels_, name);
}

const std::string* Pod::annotation(const std::string& name) const {
  return find(annotations_, name);
}

}  // namespace dormouse::injector
