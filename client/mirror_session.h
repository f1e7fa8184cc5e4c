// One run of `kubectl mirror`: from the wake to the verdict.
#pragma once

#include "client/arguments.h"
#include "client/control_client.h"
#include "client/display.h"

namespace dormouse::client {

/// Runs until the stream ends or a signal comes. Throws ControlError if the mirror cannot begin.
ExitCode runMirror(const Arguments& arguments, const ControlClient& control, Display& display,
                   const Clock& clock);

}  // namespace dormouse::client
