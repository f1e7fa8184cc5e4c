// What /proc tells of the node's processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse::enter {

/// Reads what the kernel says at that moment; remembers nothing. A process that ends meanwhile
/// reads as empty. REQUIRES: /proc is that of the processes meant (hostPID).
class ProcessTable {
 public:
  explicit ProcessTable(std::string root = "/proc") : root_(std::move(root)) {}

  std::vector<pid_t> processes() const;
  /// Of /proc/PID/cgroup, at most 64 KiB.
  std::string cgroups(pid_t pid) const;
  /// Of /proc/PID/mountinfo, at most 4 MiB: what the kubelet mounts stands far before.
  std::string mounts(pid_t pid) const;
  /// When it began, in clock ticks since boot; nothing for one that has ended, a zombie included.
  std::optional<std::uint64_t> started(pid_t pid) const;
  /// "/proc/PID/ns/net"
  std::string networkNamespace(pid_t pid) const;
  /// The node's file system, as its first process sees it.
  std::string nodeRoot() const { return root_ + "/1/root"; }

  /// The container's first process: its oldest one. Others may have left the container's network
  /// namespace (a browser's sandbox does). Nothing if none runs here.
  std::optional<pid_t> firstOf(std::string_view containerId) const;

 private:
  std::string read(pid_t pid, const char* file, std::size_t most) const;

  std::string root_;
};

/// The 22nd field of /proc/PID/stat, its start (proc_pid_stat(5)). Nothing if the text is not like
/// that, or the process is a zombie.
std::optional<std::uint64_t> startOfStat(std::string_view stat);

}  // namespace dormouse::enter
