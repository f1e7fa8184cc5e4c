// Agents for pods that were not prepared: brought, found again, and let go.
#pragma once

#include <optional>

#include "client/agent_store.h"
#include "client/arguments.h"
#include "client/cluster.h"
#include "client/pod.h"

namespace dormouse::client {

/// The agent of `pod` that this client has brought and kept, if one still runs. What has ended is
/// forgotten. `pod`: as it was just seen.
std::optional<AttachedAgent> keptAgent(const Pod& pod, const AgentStore& store,
                                       const Cluster& cluster);

struct Attached {
  Pod pod;  // As it was seen last.
  AttachedAgent agent;
  bool fresh = true;  // Brought now, not found again.
};

/// Brings an agent into a running pod the way that `arguments` says, with a token made for it
/// alone, or finds one again that came this way; returns once it answers. Throws ClusterError; what
/// was begun then ends by itself.
Attached attachAgent(const Pod& pod, const Arguments& arguments, const AgentStore& store,
                     const Cluster& cluster);

/// For a client that has brought an agent and ends: takes away what can be, unless somebody mirrors
/// with it still. Never throws.
void letGo(const Attached& attached, const AgentStore& store, const Cluster& cluster);

/// Waits until the agent answers its token. Throws ClusterError if it does not in time. `patience`:
/// how long a failure that may pass is tried again.
void awaitAnswer(const AttachedAgent& agent, const Pod& pod, Nanos patience,
                 const Cluster& cluster);

}  // namespace dormouse::client
