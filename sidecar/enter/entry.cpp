#include "enter/entry.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "enter/container_cgroup.h"
#include "enter/enter_error.h"
#include "enter/pod_mounts.h"
#include "enter/rights.h"

namespace dormouse::enter {
namespace {

/// A container's first process may end while it is looked at, when the container is starting.
constexpr int kAttempts = 5;

/// The process that was found, held so that its number cannot become another's.
struct Held {
  pid_t pid = 0;
  Descriptor pidfd;
};

bool hasEnded(const Descriptor& pidfd) {
  pollfd watched{pidfd.get(), POLLIN, 0};
  return poll(&watched, 1, 0) != 0;
}

Held holdFirstOf(const std::string& containerId, const ProcessTable& processes) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<pid_t> pid = processes.firstOf(containerId);
    if (!pid) break;
    // Not by glibc's function: its header is no C++ before version 2.37.
    Held held{*pid, Descriptor(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)))};
    if (!held.pidfd && errno == ESRCH) continue;
    checkSystem(static_cast<bool>(held.pidfd), "pidfd_open");
    // Only now is it sure whose number that is.
    if (isInContainer(processes.cgroups(*pid), containerId) && !hasEnded(held.pidfd)) return held;
  }
  throw EnterError("no process of the container " + containerId +
                   " runs on this node: it has ended, or it runs on another node");
}

// Absolute links in there lead to the node's root and not to this container's.
Descriptor openBelow(const Descriptor& root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  return Descriptor(
      static_cast<int>(syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
}

// The Job says which pod it is aimed at, and the API server has asked whether its maker may; here
// it is seen that the uid is this pod's and not one that he may not look at.
void demandKnownPod(const PodTarget& target, const ProcessTable& processes) {
  const std::string nodeRoot = processes.nodeRoot();
  const Descriptor root(open(nodeRoot.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  checkSystem(static_cast<bool>(root), "the node's root " + nodeRoot + " cannot be opened");
  const Descriptor logs = openBelow(root, target.podLogs);
  checkSystem(static_cast<bool>(logs), "the node's " + target.podLogs +
                                           ", where its kubelet names the pods, cannot be opened");
  if (openBelow(root, target.podLogs + "/" + target.logDirectory())) return;
  checkSystem(errno == ENOENT, "the node's " + target.podLogs + " cannot be read");
  throw EnterError("this node has no pod " + target.nameSpace + "/" + target.name +
                   " with the uid " + target.uid);
}

Descriptor openNamespace(const std::string& path, const char* whose) {
  Descriptor opened(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  checkSystem(static_cast<bool>(opened),
              std::string(whose) + " network namespace cannot be opened (" + path + ")");
  return opened;
}

bool sameNamespace(const Descriptor& one, const Descriptor& other) {
  struct stat a{};
  struct stat b{};
  checkSystem(fstat(one.get(), &a) == 0 && fstat(other.get(), &b) == 0, "fstat");
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

Descriptor enterPod(const PodTarget& target, const ProcessTable& processes) {
  demandEntryRights();
  if (getpid() == 1) {
    throw EnterError("this container does not see the node's processes: it needs hostPID");
  }
  Held held = holdFirstOf(target.containerId, processes);
  if (!hasMountsOfPod(processes.mounts(held.pid), target.uid)) {
    throw EnterError("the container " + target.containerId + " is not of the pod with the uid " +
                     target.uid);
  }
  demandKnownPod(target, processes);
  const Descriptor theirs = openNamespace(processes.networkNamespace(held.pid), "the pod's");
  if (sameNamespace(theirs, openNamespace(processes.networkNamespace(1), "the node's"))) {
    throw EnterError(
        "the pod " + target.nameSpace + "/" + target.name +
        " has no network namespace of its own (hostNetwork): all of the node's traffic "
        "would be seen");
  }
  // Had it ended, another could have had its number while it was read.
  if (hasEnded(held.pidfd)) {
    throw EnterError("the container " + target.containerId + " ended while it was being entered");
  }
  checkSystem(setns(theirs.get(), CLONE_NEWNET) == 0, "setns");
  keepNetRawAlone();
  return std::move(held.pidfd);
}

}  // namespace dormouse::enter
