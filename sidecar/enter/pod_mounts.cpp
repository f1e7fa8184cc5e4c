#include "enter/pod_mounts.h"

#include <algorithm>

namespace dormouse::enter {
namespace {

constexpr int kRootField = 3;  // ID, parent, device, root, mount point, …
// What the kernel adds to the name of a file that is no longer in its directory.
constexpr std::string_view kDeleted = "//deleted";
constexpr std::string_view kPods = "/pods/";

std::string_view field(std::string_view line, int number) {
  for (; number > 0; --number) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return {};
    line.remove_prefix(space + 1);
  }
  return line.substr(0, line.find(' '));
}

// The pod for whose containers the kubelet keeps this file; empty if it is none of those.
std::string_view podOfSource(std::string_view root) {
  if (root.ends_with(kDeleted)) root.remove_suffix(kDeleted.size());
  for (;;) {
    const std::size_t pods = root.find(kPods);
    if (pods == std::string_view::npos) return {};
    root.remove_prefix(pods + kPods.size());
    const std::string_view uid = root.substr(0, root.find('/'));
    if (!isPodUid(uid)) continue;
    root.remove_prefix(uid.size());
    // Behind the first one, the pod itself may have chosen names.
    return root == "/etc-hosts" || root.starts_with("/containers/") ? uid : std::string_view{};
  }
}

}  // namespace

bool isPodUid(std::string_view text) {
  return text.size() >= 32 && text.size() <= 36 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
         });
}

bool hasMountsOfPod(std::string_view mountinfo, std::string_view podUid) {
  bool found = false;
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    const std::string_view pod = podOfSource(field(mountinfo.substr(0, end), kRootField));
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    if (pod.empty()) continue;
    if (pod != podUid) return false;
    found = true;
  }
  return found;
}

}  // namespace dormouse::enter
