#include "client/way_in.h"

#include <set>
#include <string_view>

#include "client/ephemeral_container.h"
#include "client/node_job.h"

namespace dormouse::client {

std::vector<std::string> NewAgent::flags() const {
  return {"--listen=127.0.0.1:" + std::to_string(agent.controlPort),
          "--token-sha256=" + principal + "=" + tokenHash,
          "--exit-when-idle=" + std::to_string(agent.idle.count()) + "s"};
}

std::unique_ptr<WayIn> makeWayIn(Way way, const AttachWish& wish, const Cluster& cluster) {
  if (way == Way::kNode) return std::make_unique<NodeJob>(wish, cluster);
  return std::make_unique<EphemeralContainer>(wish, cluster);
}

bool startFails(const std::string& state) {
  static const std::set<std::string> kFailures = {
      "ErrImagePull",         "ImagePullBackOff",
      "ErrImageNeverPull",    "InvalidImageName",
      "ErrImageInspect",      "RegistryUnavailable",
      "CreateContainerError", "CreateContainerConfigError",
      "RunContainerError",    "SignatureValidationFailed"};
  constexpr std::string_view kWaiting = "waiting: ";
  return state.starts_with(kWaiting) && kFailures.count(state.substr(kWaiting.size())) != 0;
}

AgentWish wishOf(const AttachedAgent& agent) {
  AgentWish wish;
  if (agent.way == Way::kEphemeral) wish.container = agent.name;
  wish.controlPort = agent.controlPort;
  wish.attached = true;
  return wish;
}

}  // namespace dormouse::client
