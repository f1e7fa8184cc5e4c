#include "enter/entry_options.h"

#include <boost/program_options/value_semantic.hpp>
#include <stdexcept>

#include "common/options.h"

namespace dormouse::enter {

namespace po = boost::program_options;

po::options_description EntryOptions::describe() {
  po::options_description group(
      "Entering a pod of this node (needs hostPID; see docs/node-job.md)");
  // clang-format off
  group.add_options()
      ("enter-pod", po::value(&pod)->value_name("NAMESPACE/NAME"),
       "mirror this pod: enter its network namespace, then keep no right but CAP_NET_RAW, and end "
       "with the container")
      ("enter-pod-uid", po::value(&podUid)->value_name("UID"), "that pod's uid")
      ("enter-container", po::value(&container)->value_name("ID"),
       "the ID of a container of it that runs, without containerd:// or the like")
      ("enter-pod-logs", po::value(&podLogs)->default_value(podLogs)->value_name("DIR"),
       "the node's directory of pods' logs, where the kubelet names the pods that it runs");
  // clang-format on
  return group;
}

std::optional<PodTarget> resolve(const EntryOptions& options) {
  if (options.pod.empty() && options.podUid.empty() && options.container.empty()) {
    return std::nullopt;
  }
  if (options.pod.empty() || options.podUid.empty() || options.container.empty()) {
    throw OptionError("--enter-pod, --enter-pod-uid and --enter-container need each other");
  }
  try {
    return PodTarget::parse(options.pod, options.podUid, options.container, options.podLogs);
  } catch (const std::invalid_argument& error) {
    throw OptionError(error.what());
  }
}

}  // namespace dormouse::enter
