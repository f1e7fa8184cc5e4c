// A program and all that it started, where the kernel does not tell of its calls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace dormouse::follow {

/// The inode of the socket behind a descriptor of a process or thread; 0: there is none, it is no
/// socket, or we may not look. Opens nothing. `proc`: where /proc is.
std::uint64_t socketInode(pid_t process, int fd, const std::string& proc = "/proc");

/// Finds processes by their parents. One that has been seen is known by its number and its start
/// even after its parent has gone; one that was started and orphaned between two looks is missed.
/// One thread only.
class ProcessTree {
 public:
  explicit ProcessTree(pid_t root, std::string proc = "/proc");

  /// The inodes of all sockets that the processes of the tree hold now.
  std::set<std::uint64_t> sockets();

 private:
  using Start = std::uint64_t;  // In clock ticks since boot: tells a number given out anew apart.
  struct Process {
    pid_t parent = 0;
    Start start = 0;
  };
  std::map<pid_t, Process> processes() const;

  const pid_t root_;
  const std::string proc_;
  std::map<pid_t, Start> known_;
};

}  // namespace dormouse::follow
