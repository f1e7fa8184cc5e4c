// Which image a new agent has.
#pragma once

#include <string>

#include "client/cluster.h"

namespace dormouse::client {

/// `wished` if that is not empty. Else what the admin has installed: as the Secret `dormouse` of
/// the pod's namespace says in its annotation dormouse.dev/sidecar-image, or as an injected pod of
/// that namespace has it. Else the version of this client, from no registry in particular. Throws
/// ClusterError if `wished` is no image.
std::string agentImage(const std::string& wished, const Cluster& cluster);

}  // namespace dormouse::client
