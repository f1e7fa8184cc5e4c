// Which pods a run mirrors.
#pragma once

#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/pod.h"
#include "client/target.h"

namespace dormouse::client {

/// What a target stands for at this moment.
struct ChosenPods {
  std::vector<Pod> pods;
  std::string selector;  // Empty for a pod.
};

/// Asks the cluster. For a workload: all its pods, running or not. Throws ClusterError.
ChosenPods choosePods(const Cluster& cluster, const Target& target);

/// A sentence about a workload of which nothing runs: "no pod of deploy/web is running (2
/// Pending)".
std::string nothingRuns(const Target& target, const std::vector<Pod>& pods);

}  // namespace dormouse::client
