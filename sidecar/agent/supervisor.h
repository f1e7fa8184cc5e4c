// The parent process that keeps a worker alive.
#pragma once

#include <climits>
#include <functional>
#include <string>
#include <vector>

#include "common/log.h"

namespace dormouse::agent {

/// Runs `worker` in a forked child and forks a fresh one within 100 ms whenever it ends by itself:
/// as a restartable init container the agent counts for its pod's readiness, so PID 1 must not
/// die of what the worker dies of. Forks and never execs: an exec under no_new_privs would lose the
/// file capability.
///
/// SIGTERM and SIGINT are passed on and end the supervision with the worker's exit code; a second
/// one kills the worker. The worker begins with both blocked, and waits for them itself. A worker
/// that ends with kBadStart or kFinished is not started again. Returns the process's exit code, 0
/// for kFinished. `mostDeaths`: after so many the supervision ends with 1: an agent that is to end
/// by itself would not, if each new worker began to count anew. REQUIRES: no other thread exists
/// yet.
int supervise(const std::function<int()>& worker, const Log& log, unsigned mostDeaths = UINT_MAX);

/// The worker's exit code for "this can never work": bad files named by flags, for instance.
inline constexpr int kBadStart = 2;

/// The worker's exit code for "nothing is left to do": it was told when to end by itself, for
/// instance.
inline constexpr int kFinished = 3;

}  // namespace dormouse::agent
