// The way in as an ephemeral container.
#pragma once

#include <Poco/JSON/Object.h>

#include <cstdint>
#include <string>
#include <vector>

#include "client/way_in.h"

namespace dormouse::client {

/// What the agent's container may do; Pod Security decides how much of it.
enum class AgentProfile : std::uint8_t {
  kPrivileged,  // No capability but NET_RAW.
  kBaseline,    // Capabilities left to the runtime: Pod Security's baseline forbids to add NET_RAW.
};

/// The container, as a member of spec.ephemeralContainers. Nothing of the pod's other containers is
/// in it: no environment, no volumes.
Poco::JSON::Object::Ptr agentContainer(const NewAgent& agent, const std::string& image,
                                       AgentProfile profile);

/// What is PUT to a pod's subresource ephemeralcontainers: those that there are, and `container`.
/// The API server takes nothing else from it; name, uid and resourceVersion make it refuse what is
/// not about the pod as it was seen. `pod`: as the API server describes it. Throws ObjectError.
std::string withContainer(const Poco::JSON::Object& pod, const Poco::JSON::Object::Ptr& container);

/// Adds the agent's container by a PUT with the developer's own rights. An ephemeral container can
/// never be removed: what stays is its description in the pod, until the pod goes.
class EphemeralContainer final : public WayIn {
 public:
  /// `cluster` must outlive this.
  EphemeralContainer(AttachWish wish, const Cluster& cluster)
      : wish_(std::move(wish)), cluster_(cluster) {}

  Pod bring(const NewAgent& agent) override;
  bool mayRun(const AttachedAgent& agent, const Pod& pod) override;
  std::string release(const AttachedAgent& agent) override;
  std::string remains() const override;

 private:
  AgentProfile findProfile(const NewAgent& agent, const std::string& image) const;
  void put(const NewAgent& agent, const std::string& image, AgentProfile profile,
           bool dryRun) const;
  bool isThere(const NewAgent& agent) const;
  Pod awaitRunning(const NewAgent& agent) const;

  const AttachWish wish_;
  const Cluster& cluster_;
};

}  // namespace dormouse::client
