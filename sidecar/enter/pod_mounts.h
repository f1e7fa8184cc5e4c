// Which pod a container belongs to, by what the kubelet mounts into it.
#pragma once

#include <string_view>

namespace dormouse::enter {

/// 32 to 36 characters, 0-9, a-f and hyphens: a UUID, or a static pod's hash.
bool isPodUid(std::string_view text);

/// True if `mountinfo`, the content of /proc/PID/mountinfo (proc_pid_mountinfo(5)), shows what the
/// kubelet mounts into this pod's containers, and nothing that it mounts into another's. Wherever
/// the kubelet keeps its data, the source of such a mount ends in pods/UID/etc-hosts, or has
/// pods/UID/containers/ in it (the termination log, which every container has). Volumes lie
/// elsewhere below pods/UID; one with such a path inside (a subPath) only makes the answer false.
bool hasMountsOfPod(std::string_view mountinfo, std::string_view podUid);

}  // namespace dormouse::enter
