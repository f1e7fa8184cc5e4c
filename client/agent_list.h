// The agents of a namespace, and what each of them does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/agent_state.h"
#include "client/agent_store.h"
#include "client/arguments.h"
#include "client/cluster.h"

namespace dormouse::client {

/// One agent of a pod.
struct AgentRow {
  std::string pod;
  std::string nameSpace;
  std::string way;    // "injected", "ephemeral", "node".
  std::string agent;  // Its container, or its Job.
  std::optional<AgentState> state;
  std::string trouble;  // Why there is no state. Printable.
};

/// Asks every agent of the namespace that runs, at most eight at a time, those that were injected
/// with the token of `arguments` or of the Secret, and those that were attached with the token that
/// this client kept; what somebody else has attached is in the list, but cannot be asked. In the
/// order of the pods' names. Throws ClusterError if the pods cannot be listed.
std::vector<AgentRow> listAgents(const Arguments& arguments, const AgentStore& store,
                                 const Cluster& cluster);

/// For people: aligned columns under a heading, one line for each mirror; of an agent without one,
/// a line too.
std::string tableOf(const std::vector<AgentRow>& rows);

/// One JSON object in one line: {"agents":[…]}.
std::string jsonOf(const std::vector<AgentRow>& rows);

}  // namespace dormouse::client
