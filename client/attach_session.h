// `kubectl mirror attach`, `detach` and `list`: from the command line to what is printed.
#pragma once

#include <iosfwd>

#include "client/arguments.h"
#include "client/display.h"
#include "client/kubectl.h"

namespace dormouse::client {

/// Brings an agent into a pod, and mirrors at once if ports are given. Throws ClusterError or
/// UsageError. Main thread only, before any other thread.
ExitCode runAttach(const Arguments& arguments, const Kubectl& kubectl, Display& display,
                   const Clock& clock);

/// Ends the developer's mirrors in a pod, whichever way their agents came. Throws ClusterError.
ExitCode runDetach(const Arguments& arguments, const Kubectl& kubectl, Display& display,
                   const Clock& clock);

/// Prints who is awake where in the namespace, to `out`. Throws ClusterError.
ExitCode runList(const Arguments& arguments, const Kubectl& kubectl, std::ostream& out,
                 Display& notices, const Clock& clock);

}  // namespace dormouse::client
