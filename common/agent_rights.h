// What a container with the agent may do, whoever puts it into a pod.
#pragma once

#include <Poco/JSON/Object.h>

namespace dormouse {

/// The images' user and group.
inline constexpr int kAgentUser = 65532;

/// The container's securityContext, its members in a fixed order. `asksForNetRaw`: all capabilities
/// are dropped but NET_RAW, which is added: what Pod Security's level privileged allows. Else they
/// are left to the container runtime, as level baseline demands.
Poco::JSON::Object::Ptr agentSecurityContext(bool asksForNetRaw);

}  // namespace dormouse
