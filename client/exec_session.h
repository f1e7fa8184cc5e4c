// One run of `kubectl mirror exec`: the program, and a mirror for each port that it opens.
#pragma once

#include "client/arguments.h"
#include "client/display.h"
#include "client/follow/listen_filter.h"
#include "client/follow/program.h"
#include "client/kubectl.h"

namespace dormouse::client {

/// Starts the program once it is known what to mirror, and returns when it has ended and its
/// mirrors have brought their ledgers: its status, as waitpid(2) says. `program`: made of `filter`,
/// and not started. `kubectl`: null with --url. Throws ClusterError or follow::StartError, and then
/// the program does not run. Main thread only, before any other thread.
int runExec(const Arguments& arguments, const Kubectl* kubectl, follow::Program& program,
            const follow::ListenFilter& filter, Display& display, const Clock& clock);

}  // namespace dormouse::client
