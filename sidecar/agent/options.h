// The sidecar's command line.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "agent/settings.h"
#include "common/log.h"
#include "common/options.h"
#include "control/control_options.h"
#include "enter/pod_target.h"

namespace dormouse::agent {

/// Everything that the command line decides.
struct CommandLine {
  Settings agent;
  control::ResolvedControlOptions control;
  std::optional<enter::PodTarget> enter;  // The pod to enter first.
  LogLevel logLevel = LogLevel::kInfo;
};

/// Fills `line` from flags, DORMOUSE_* variables and the --config file. Returns the exit code if
/// the program is to end at once: after --help, --version or an error (see Options::parse).
std::optional<int> parseCommandLine(const std::vector<std::string>& arguments,
                                    const Options::Environment& environment, std::ostream& out,
                                    std::ostream& err, CommandLine& line);

}  // namespace dormouse::agent
