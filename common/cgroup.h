// How much memory the kernel lets this process have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dormouse {

/// The memory limit in force in bytes: the smallest of the process's own cgroup and all above it,
/// from cgroup v2 (memory.max) and v1 (memory.limit_in_bytes). Nothing if there is no limit, or
/// none can be found. `root` is put before /proc/self/cgroup and /sys/fs/cgroup. Inside a container
/// the path in /proc may be the host's; parts of it that do not exist are skipped.
std::optional<std::uint64_t> cgroupMemoryLimit(const std::string& root = "");

}  // namespace dormouse
