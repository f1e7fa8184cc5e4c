#include "client/way_in.h"

#include "client/ephemeral_container.h"

namespace dormouse::client {

std::vector<std::string> NewAgent::flags() const {
  return {"--listen=127.0.0.1:" + std::to_string(agent.controlPort),
          "--token-sha256=" + principal + "=" + tokenHash,
          "--exit-when-idle=" + std::to_string(agent.idle.count()) + "s"};
}

std::unique_ptr<WayIn> makeWayIn(Way way, const AttachWish& wish, const Cluster& cluster) {
  if (way == Way::kNode) {
    throw ClusterError("this version has no way in by a Job on the node");
  }
  return std::make_unique<EphemeralContainer>(wish, cluster);
}

AgentWish wishOf(const AttachedAgent& agent) {
  AgentWish wish;
  if (agent.way == Way::kEphemeral) wish.container = agent.name;
  wish.controlPort = agent.controlPort;
  wish.attached = true;
  return wish;
}

}  // namespace dormouse::client
