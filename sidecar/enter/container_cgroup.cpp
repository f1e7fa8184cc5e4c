#include "enter/container_cgroup.h"

#include <algorithm>

namespace dormouse::enter {
namespace {

constexpr std::size_t kIdLength = 64;
constexpr std::string_view kScope = ".scope";
constexpr std::string_view kMonitor = "conmon";

// The container that one component of a path names; empty if it names none.
std::string_view containerOfComponent(std::string_view component) {
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  if (component.size() < kIdLength) return {};
  const std::string_view id = component.substr(component.size() - kIdLength);
  if (!isContainerId(id)) return {};
  std::string_view prefix = component.substr(0, component.size() - kIdLength);
  if (prefix.empty()) return id;
  if (prefix.back() != '-' && prefix.back() != ':') return {};
  prefix.remove_suffix(1);
  return prefix.ends_with(kMonitor) ? std::string_view{} : id;
}

}  // namespace

bool isContainerId(std::string_view text) {
  return text.size() == kIdLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string_view containerOfCgroup(std::string_view path) {
  for (;;) {
    const std::size_t slash = path.rfind('/');
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    if (const auto id = containerOfComponent(path.substr(begin)); !id.empty()) return id;
    if (begin == 0) return {};
    path = path.substr(0, slash);
  }
}

bool isInContainer(std::string_view cgroups, std::string_view containerId) {
  bool found = false;
  while (!cgroups.empty()) {
    const std::size_t end = std::min(cgroups.find('\n'), cgroups.size());
    const std::string_view line = cgroups.substr(0, end);
    cgroups.remove_prefix(std::min(end + 1, cgroups.size()));
    // A path may hold colons of its own.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view container = containerOfCgroup(line.substr(second + 1));
    if (container.empty()) continue;
    if (container != containerId) return false;
    found = true;
  }
  return found;
}

}  // namespace dormouse::enter
