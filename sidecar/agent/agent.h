// The wiring: everything that a worker process consists of.
#pragma once

#include "agent/options.h"

namespace dormouse::agent {

/// Runs a worker until SIGTERM or SIGINT, then ends every mirror with its ledger and returns, all
/// within a second; a second signal ends the process at once. Returns the exit code: 0, or
/// kBadStart if a certificate named by a flag cannot be used. `targetProcess`: a pidfd of what the
/// agent is here for, or -1; when that process ends, the supervisor is asked to end the agent.
/// REQUIRES: no other thread exists yet, so that all threads inherit the signal mask.
int runWorker(const CommandLine& line, int targetProcess = -1);

}  // namespace dormouse::agent
