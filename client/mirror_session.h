// One run of `kubectl mirror`: from the wake of the first pod to the verdict over all.
#pragma once

#include "client/arguments.h"
#include "client/display.h"
#include "client/kubectl.h"

namespace dormouse::client {

/// Runs until every mirror has ended or a signal comes. `kubectl`: null with --url. Throws
/// ControlError, ClusterError or UsageError if no mirror can begin. Main thread only, before any
/// other thread.
ExitCode runMirror(const Arguments& arguments, const Kubectl* kubectl, Display& display,
                   const Clock& clock);

}  // namespace dormouse::client
