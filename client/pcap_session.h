// One run of `kubectl mirror pcap`: packets to a file or to standard output.
#pragma once

#include "client/arguments.h"
#include "client/display.h"
#include "client/kubectl.h"

namespace dormouse::client {

/// Runs until the stream ends, the reader of `output` goes away, or a signal comes. `output` is a
/// pipe, a file or the like, not owned. `kubectl`: null with --url. Throws as runMirror().
ExitCode runPcap(const Arguments& arguments, const Kubectl* kubectl, int output, Display& display,
                 const Clock& clock);

}  // namespace dormouse::client
