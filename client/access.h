// How the agent of one pod is reached, and what to do if it has none.
#pragma once

#include <string>

#include "client/arguments.h"
#include "client/cluster.h"
#include "client/pod.h"

namespace dormouse::client {

struct Access {
  AgentWish wish;
  std::string token;
};

/// The agent that was injected, or put in by hand; without one, that which this client has attached
/// and which still runs. Without either: throws ClusterError with the ways that are open to the
/// developer. An agent that is there but does not run is left to whoever uses it. `pod`: as it was
/// just seen.
Access accessTo(const Pod& pod, const Arguments& arguments, const Cluster& cluster);

/// By which ways an agent may come into `pod`, as the API server says of this developer's rights;
/// whole lines, each with a line feed before it, with the commands to type.
std::string waysOpen(const Pod& pod, const Arguments& arguments, const Cluster& cluster);

}  // namespace dormouse::client
