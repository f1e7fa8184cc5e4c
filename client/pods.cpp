#include "client/pods.h"

#include <algorithm>
#include <optional>

#include "client/json_path.h"

namespace dormouse::client {
namespace {

std::optional<std::uint16_t> portIn(std::optional<std::uint64_t> number) {
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// A name stands for what the pods' containers call so.
std::optional<std::uint16_t> namedPort(const std::string& name, const std::vector<Pod>& pods) {
  for (const Pod& pod : pods) {
    for (const Pod::Container& container : pod.containers) {
      const auto port = container.namedPorts.find(name);
      if (port != container.namedPorts.end()) return port->second;
    }
  }
  return std::nullopt;
}

std::map<std::uint16_t, std::uint16_t> portsOf(const Poco::JSON::Object& service,
                                               const std::vector<Pod>& pods) {
  std::map<std::uint16_t, std::uint16_t> ports;
  for (const auto& entry : objectsAt(service, {"spec", "ports"})) {
    const auto port = portIn(unsignedAt(*entry, {"port"}));
    if (!port) continue;
    auto target = portIn(unsignedAt(*entry, {"targetPort"}));
    if (const auto name = textAt(*entry, {"targetPort"})) target = namedPort(*name, pods);
    ports[*port] = target.value_or(*port);
  }
  return ports;
}

}  // namespace

void usePodPorts(Arguments& arguments, const ChosenPods& chosen) {
  for (PortPair& pair : arguments.pairs) {
    const auto mapped = chosen.ports.find(pair.remote);
    if (mapped == chosen.ports.end()) continue;
    std::replace(arguments.spec.ports.begin(), arguments.spec.ports.end(), pair.remote,
                 mapped->second);
    pair.remote = mapped->second;
  }
  for (const PortPair& pair : arguments.pairs) {
    if (std::count_if(arguments.pairs.begin(), arguments.pairs.end(),
                      [&](const PortPair& other) { return other.remote == pair.remote; }) > 1) {
      throw UsageError("two ports of the service are the pods' port " +
                       std::to_string(pair.remote));
    }
  }
}

ChosenPods choosePods(const Cluster& cluster, const Target& target) {
  const auto object = cluster.get(kindName(target.kind), target.name);
  try {
    if (target.kind == Kind::kPod) return {{podFromJson(*object)}, "", {}};
    ChosenPods chosen;
    chosen.selector = selectorOf(target, *object);
    chosen.pods = cluster.pods(chosen.selector);
    if (target.kind == Kind::kService) chosen.ports = portsOf(*object, chosen.pods);
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
