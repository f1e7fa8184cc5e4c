// One run of `kubectl mirror pcap`: packets to a file or to standard output.
#pragma once

#include "client/arguments.h"
#include "client/control_client.h"
#include "client/display.h"

namespace dormouse::client {

/// Runs until the stream ends, the reader of `output` goes away, or a signal comes. `output` is a
/// pipe, a file or the like, not owned. Throws ControlError if the mirror cannot begin.
ExitCode runPcap(const Arguments& arguments, const ControlClient& control, int output,
                 Display& display);

}  // namespace dormouse::client
