// One run of `kubectl mirror`: from the wake of the first pod to the verdict over all.
#pragma once

#include "client/arguments.h"
#include "client/display.h"
#include "client/kubectl.h"
#include "client/pods.h"
#include "client/signals.h"

namespace dormouse::client {

/// What the cluster was asked first.
struct Beginning {
  ChosenPods chosen;
  std::string token;
};

/// Mirrors pods that are known already, as runMirror() does. `arguments`: with the ports of the
/// pods.
ExitCode mirrorPods(const Arguments& arguments, const Beginning& beginning, const Kubectl& kubectl,
                    Signals& signals, EventLoop& loop, Display& display, const Clock& clock);

/// Runs until every mirror has ended or a signal comes. `kubectl`: null with --url. Throws
/// ControlError, ClusterError or UsageError if no mirror can begin. Main thread only, before any
/// other thread.
ExitCode runMirror(const Arguments& arguments, const Kubectl* kubectl, Display& display,
                   const Clock& clock);

}  // namespace dormouse::client
