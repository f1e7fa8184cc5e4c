// Which pods a run mirrors.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "client/arguments.h"
#include "client/cluster.h"
#include "client/pod.h"
#include "client/target.h"

namespace dormouse::client {

/// What a target stands for at this moment.
struct ChosenPods {
  std::vector<Pod> pods;
  std::string selector;                          // Empty for a pod.
  std::map<std::uint16_t, std::uint16_t> ports;  // Of a service: its port -> the pods' port.
};

/// Asks the cluster. For a workload: all its pods, running or not. Throws ClusterError.
ChosenPods choosePods(const Cluster& cluster, const Target& target);

/// Turns a service's ports into its pods', as kubectl port-forward does; a port that the service
/// does not have stays. Throws UsageError if two become one.
void usePodPorts(Arguments& arguments, const ChosenPods& chosen);

/// A sentence about a workload of which nothing runs: "no pod of deploy/web is running (2
/// Pending)".
std::string nothingRuns(const Target& target, const std::vector<Pod>& pods);

}  // namespace dormouse::client
