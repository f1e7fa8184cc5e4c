// The Job that brings an agent to a pod's node, as the API server is told of it.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>

#include "client/way_in.h"

namespace dormouse::client {

/// Where the agent is to go in, as the API server describes it.
struct NodeTarget {
  std::string node;
  std::string podUid;       // As the node's kubelet knows it: of a static pod, its hash.
  std::string container;    // Its name.
  std::string containerId;  // 64 hexadecimal digits, without the runtime's name before it.
};

/// `pod`: as kubectl prints it. `container`: the one to enter and to end with; empty: the first
/// that runs (of a pod, all have the same network). Throws ObjectError, with a sentence, if none
/// runs or something is missing or malformed.
NodeTarget nodeTargetOf(const Poco::JSON::Object& pod, const std::string& container);

/// What is given to `kubectl create`: the admin's Job with its name, its node, and what aims its
/// agent at the pod. `configMap`: dormouse-node-job, as kubectl prints it. Throws ObjectError, with
/// a sentence, if that holds no such Job.
std::string nodeJobManifest(const Poco::JSON::Object& configMap, const NewAgent& agent,
                            const NodeTarget& target);

}  // namespace dormouse::client
