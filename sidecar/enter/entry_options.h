// The flags by which a node Job aims the agent at a pod.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <optional>
#include <string>

#include "enter/pod_target.h"

namespace dormouse::enter {

/// As given; checked by resolve().
struct EntryOptions {
  std::string pod;  // NAMESPACE/NAME. Empty, with the next two: the agent stays where it is.
  std::string podUid;
  std::string container;
  std::string podLogs = "/var/log/pods";  // The kubelet's own default.

  /// The flags, bound to the members.
  boost::program_options::options_description describe();
};

/// Nothing if no pod is to be entered. Throws OptionError with a sentence.
std::optional<PodTarget> resolve(const EntryOptions& options);

}  // namespace dormouse::enter
