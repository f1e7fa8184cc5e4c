// Which image a new agent has.
#pragma once

#include <string>

#include "client/cluster.h"

namespace dormouse::client {

/// `wished` if that is not empty. Else what the admin has installed, as the Secret `dormouse` of
/// the namespace says in its annotation dormouse.dev/sidecar-image. Else the version of this
/// client, under the name that it has without a registry. What pods of the namespace run says
/// nothing: whoever may make a pod could choose by that what runs in others. Throws ClusterError if
/// `wished` is no image.
std::string agentImage(const std::string& wished, const Cluster& cluster);

}  // namespace dormouse::client
