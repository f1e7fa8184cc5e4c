// Which container a process belongs to, by the names that container runtimes give its cgroup.
#pragma once

#include <string_view>

namespace dormouse::enter {

/// 64 digits, 0-9 and a-f: what every runtime of the CRI calls a container by.
bool isContainerId(std::string_view text);

/// The innermost container that a cgroup's path names; empty if it names none. A component names
/// one as ID, PREFIX-ID or PREFIX:ID, perhaps with ".scope" behind (cri-containerd-…, crio-…,
/// docker-…, libpod-…); but PREFIX-conmon-ID is CRI-O's monitor, outside of the container. What
/// stands before
/// ("/../..", slices, an outer container) and behind ("/container", the container's own cgroups)
/// does not matter. The view is into `path`.
std::string_view containerOfCgroup(std::string_view path);

/// True if `cgroups`, the content of /proc/PID/cgroup (cgroups(7): lines of ID:CONTROLLERS:PATH, of
/// version 1, version 2 or both), says that the process is in this container: at least one
/// hierarchy names it, and none names another.
bool isInContainer(std::string_view cgroups, std::string_view containerId);

}  // namespace dormouse::enter
