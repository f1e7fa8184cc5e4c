// The pod that an agent of a node Job is to enter.
#pragma once

#include <string>
#include <string_view>

namespace dormouse::enter {

/// As the API server knows it; what the node knows is compared with it before anything is entered.
struct PodTarget {
  std::string nameSpace;
  std::string name;
  std::string uid;
  std::string containerId;  // Without the runtime's name before it.
  std::string podLogs;      // Where the kubelet keeps a directory for each pod of its node.

  /// Checks each part. `pod`: NAMESPACE/NAME. Throws std::invalid_argument with a sentence.
  static PodTarget parse(std::string_view pod, std::string_view uid, std::string_view containerId,
                         std::string_view podLogs);

  /// The name of the kubelet's directory for it: NAMESPACE_NAME_UID.
  std::string logDirectory() const { return nameSpace + "_" + name + "_" + uid; }
};

}  // namespace dormouse::enter
