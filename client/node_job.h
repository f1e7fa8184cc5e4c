// The way in by a Job on the pod's node.
#pragma once

#include <string>

#include "client/way_in.h"

namespace dormouse::client {

/// For pods into which nothing may be brought. A Job in the namespace dormouse-node, which the
/// admin has prepared (chart value nodeJob.enabled), starts the agent on the pod's node; the agent
/// enters the pod's network namespace, where it listens. Nothing of it is in the pod, and nothing
/// stays.
class NodeJob final : public WayIn {
 public:
  /// `cluster` must outlive this.
  NodeJob(AttachWish wish, const Cluster& cluster) : wish_(std::move(wish)), cluster_(cluster) {}

  Pod bring(const NewAgent& agent) override;
  bool mayRun(const AttachedAgent& agent, const Pod& pod) override;
  std::string release(const AttachedAgent& agent) override;
  void abandon(const AttachedAgent& agent) override;
  std::string remains() const override { return ""; }

 private:
  Poco::JSON::Object::Ptr adminsJob() const;
  void create(const NewAgent& agent, const std::string& manifest);
  void awaitRunning(const NewAgent& agent, const std::string& node) const;
  /// True once its pod runs; `state` is what keeps it from that. Throws ClusterError if it never
  /// will.
  bool runs(const NewAgent& agent, std::string& state) const;
  void remove(const std::string& name) const;

  const AttachWish wish_;
  const Cluster& cluster_;
};

}  // namespace dormouse::client
