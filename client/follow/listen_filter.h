// The seccomp filter that has the kernel tell of listen and bind.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

#include "client/follow/notice.h"

namespace dormouse::follow {

/// A filter as seccomp(2) takes it, and what its notifications' numbers mean. Everything else is
/// allowed, and never told of.
struct ListenFilter {
  std::vector<sock_filter> program;  // Empty: this machine cannot; `fault` says why.
  std::vector<CallNumbers> numbers;
  std::string fault;
};

/// Compiled by libseccomp for this machine's architecture and those whose programs it runs as well.
ListenFilter makeListenFilter();

/// Loads it into the calling thread, and sets no_new_privs, without which an ordinary user may not:
/// both for good, and for all that it starts. Async-signal-safe. The descriptor that brings the
/// notifications, or a negative errno; EBUSY: somebody is told of this thread's calls already.
int loadListenFilter(const std::vector<sock_filter>& program);

/// Whether a kernel of that release ("6.1.0-18-amd64") lets calls go on that it told of, and tells
/// when nobody is left to tell of: Linux 5.9.
bool kernelCanFollow(const std::string& release);

}  // namespace dormouse::follow
