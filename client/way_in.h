// A way for an agent into a pod that was not prepared for one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/agent_store.h"
#include "client/arguments.h"
#include "client/cluster.h"
#include "client/pod.h"

namespace dormouse::client {

/// What a new agent is to be. The agent's name, port and token have been chosen and are kept
/// already, so that a client that dies here finds it again.
struct NewAgent {
  const AttachedAgent& agent;
  const Pod& pod;         // As it was just seen; runs.
  std::string principal;  // Whose token it is, in the agent's audit lines.
  std::string tokenHash;  // SHA-256 of the token, 64 hexadecimal digits: all of it that may leave.
  std::string container;  // Of the pod, to end with; empty: none.

  /// What the agent's program is told, whichever way it comes: where to listen, by whose token to
  /// know its caller, when to end.
  std::vector<std::string> flags() const;
};

/// Made for one run of the client. Main thread only; calls turn the loop while kubectl works.
class WayIn {
 public:
  virtual ~WayIn() = default;
  /// Brings the agent, and returns once it runs, as far as the API server tells: the pod as it was
  /// seen last. Whether the agent answers is seen to by the caller. Throws ClusterError with a
  /// sentence that says what to do; nothing is left behind then that does not end by itself.
  virtual Pod bring(const NewAgent& agent) = 0;
  /// Whether an agent that came this way may still run. `pod`: as it was just seen. Throws
  /// ClusterError if the cluster does not tell.
  virtual bool mayRun(const AttachedAgent& agent, const Pod& pod) = 0;
  /// The developer's mirrors there have ended, and he wants it gone. Says what becomes of it, in a
  /// sentence. Throws ClusterError.
  virtual std::string release(const AttachedAgent& agent) = 0;
  /// Takes away at once what would else end by itself, for a client that ends. Never throws: should
  /// it fail, the agent ends by itself.
  virtual void abandon(const AttachedAgent&) {}
  /// What stays behind once it has ended, in a sentence; empty if nothing does.
  virtual std::string remains() const = 0;
};

/// `wish` counts for new agents. `cluster` must outlive it.
std::unique_ptr<WayIn> makeWayIn(Way way, const AttachWish& wish, const Cluster& cluster);

/// True if a container in that state (Pod::Container::state) does not start by itself. A pull may
/// succeed later, but nobody waits for it.
bool startFails(const std::string& state);

/// Where a client finds such an agent in its pod.
AgentWish wishOf(const AttachedAgent& agent);

}  // namespace dormouse::client
