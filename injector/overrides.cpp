#include "injector/overrides.h"

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "common/quote.h"
#include "injector/quantity.h"

namespace dormouse::injector {
namespace {

constexpr std::size_t kMostPorts = 64;
// Below, a program without NET_BIND_SERVICE cannot listen everywhere.
constexpr std::uint16_t kLowestControlPort = 1024;
// The sidecar's code, threads and TLS alone take 12 MiB.
constexpr const char* kLeastMemory = "32Mi";
constexpr const char* kLeastCpu = "10m";

// A port without sign, spaces or leading zeros; throws std::invalid_argument otherwise.
std::uint16_t parsePort(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || text.front() == '0' || port > 65535) {
    throw std::invalid_argument(inQuotes(text) + " is not a port");
  }
  return static_cast<std::uint16_t>(port);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::set<std::uint16_t> parsePorts(std::string_view text) {
  std::set<std::uint16_t> ports;
  for (;;) {
    const std::size_t comma = text.find(',');
    ports.insert(parsePort(trimmed(text.substr(0, comma))));
    if (ports.size() > kMostPorts) throw std::invalid_argument("more than 64 ports are named");
    if (comma == std::string_view::npos) return ports;
    text.remove_prefix(comma + 1);
  }
}

std::set<std::uint16_t> narrowed(const std::set<std::uint16_t>& wanted,
                                 const std::set<std::uint16_t>& ceiling) {
  if (ceiling.empty()) return wanted;
  std::set<std::uint16_t> both;
  for (const std::uint16_t port : wanted) {
    if (ceiling.count(port) != 0) both.insert(port);
  }
  // No port left would read as "all ports" in the sidecar's flags.
  if (both.empty()) throw std::invalid_argument("none of these ports may be mirrored here");
  return both;
}

bool isFree(const Pod& pod, std::uint16_t port) {
  return pod.declaredPorts().count(port) == 0;
}

std::uint16_t nextFree(const Pod& pod, std::uint16_t first) {
  std::uint16_t port = first;
  while (!isFree(pod, port)) {
    port = port == 65535 ? kLowestControlPort : static_cast<std::uint16_t>(port + 1);
    if (port == first) break;  // The pod declares them all; the sidecar retries its bind.
  }
  return port;
}

std::string limitWithin(const std::string& text, const char* least, const std::string& most) {
  const auto limit = Quantity::parse(text);
  if (!limit) throw std::invalid_argument(inQuotes(text) + " is not a quantity");
  const auto floor = Quantity::parse(least);
  if (floor && *limit < *floor) {
    throw std::invalid_argument(inQuotes(text) + " is below the least, " + least);
  }
  const auto ceiling = Quantity::parse(most);
  if (ceiling && *limit > *ceiling) {
    throw std::invalid_argument(inQuotes(text) + " is above the most that is allowed, " + most);
  }
  return text;
}

// A request must not exceed its limit: the API server would refuse the pod.
std::string requestWithin(const std::string& request, const std::string& limit) {
  const auto a = Quantity::parse(request);
  const auto b = Quantity::parse(limit);
  return a && b && *a > *b ? limit : request;
}

// Calls `apply` with the annotation's value, if there is one, and notes why it was not followed.
template <typename Apply>
void follow(const Pod& pod, const char* name, std::vector<std::string>& warnings,
            const Apply& apply) {
  const std::string* value = pod.annotation(name);
  if (value == nullptr) return;
  try {
    apply(*value);
  } catch (const std::invalid_argument& error) {
    warnings.push_back(std::string("dormouse: the annotation ") + name +
                       " is not followed: " + error.what());
  }
}

}  // namespace

Overrides overridesFor(const Pod& pod, const InjectionSettings& settings) {
  const ResourceSettings& resources = settings.resources;
  Overrides result;
  result.allowPorts = settings.ceilings.allowPorts;
  result.controlPort = nextFree(pod, settings.controlPort);
  result.cpuLimit = pod.guaranteed() ? resources.guaranteedCpu : resources.cpuLimit;
  result.memoryLimit = resources.memoryLimit;

  follow(pod, kPortsAnnotation, result.warnings, [&](const std::string& value) {
    result.allowPorts = narrowed(parsePorts(value), settings.ceilings.allowPorts);
  });
  follow(pod, kControlPortAnnotation, result.warnings, [&](const std::string& value) {
    const std::uint16_t port = parsePort(value);
    if (port < kLowestControlPort) throw std::invalid_argument("the port is below 1024");
    if (!isFree(pod, port))
      throw std::invalid_argument("a container of the pod declares that port");
    result.controlPort = port;
  });
  const auto ownResources = [&] {
    if (pod.podLevelResources()) {
      throw std::invalid_argument("the pod's own spec.resources count instead");
    }
  };
  follow(pod, kCpuLimitAnnotation, result.warnings, [&](const std::string& value) {
    ownResources();
    result.cpuLimit = limitWithin(value, kLeastCpu, resources.maxCpuLimit);
  });
  follow(pod, kMemoryLimitAnnotation, result.warnings, [&](const std::string& value) {
    ownResources();
    result.memoryLimit = limitWithin(value, kLeastMemory, resources.maxMemoryLimit);
  });
  result.cpuRequest =
      pod.guaranteed() ? result.cpuLimit : requestWithin(resources.cpuRequest, result.cpuLimit);
  result.memoryRequest = pod.guaranteed()
                             ? result.memoryLimit
                             : requestWithin(resources.memoryRequest, result.memoryLimit);
  return result;
}

}  // namespace dormouse::injector
