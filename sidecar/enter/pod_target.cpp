#include "enter/pod_target.h"

#include <algorithm>
#include <stdexcept>

#include "enter/container_cgroup.h"
#include "enter/pod_mounts.h"

namespace dormouse::enter {
namespace {

// Kubernetes' names (RFC 1123): no slash and no underscore, so that none can lead to another path.
bool isName(std::string_view text, std::size_t most, bool dots) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= most && alphanumeric(text.front()) &&
         alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return alphanumeric(c) || c == '-' || (dots && c == '.');
         });
}

void demand(bool holds, const char* sentence) {
  if (!holds) throw std::invalid_argument(sentence);
}

}  // namespace

PodTarget PodTarget::parse(std::string_view pod, std::string_view uid, std::string_view containerId,
                           std::string_view podLogs) {
  const std::size_t slash = std::min(pod.find('/'), pod.size());
  PodTarget target{std::string(pod.substr(0, slash)),
                   std::string(pod.substr(std::min(slash + 1, pod.size()))), std::string(uid),
                   std::string(containerId), std::string(podLogs)};
  demand(isName(target.nameSpace, 63, false) && isName(target.name, 253, true),
         "the pod to enter is no NAMESPACE/NAME of a pod");
  demand(isPodUid(uid), "the uid of the pod to enter is none of a pod");
  demand(isContainerId(containerId),
         "the container to enter is no container's ID (64 digits of 0-9 and a-f)");
  demand(podLogs.starts_with('/'), "the directory of the pods' logs is no absolute path");
  return target;
}

}  // namespace dormouse::enter
