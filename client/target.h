// What a developer names: a pod, or something that has pods.
#pragma once

#include <Poco/JSON/Object.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dormouse::client {

enum class Kind : std::uint8_t {
  kPod,
  kDeployment,
  kStatefulSet,
  kDaemonSet,
  kReplicaSet,
  kJob,
  kService,
};

struct Target {
  Kind kind = Kind::kPod;
  std::string name;  // Valid as an object's name.

  /// As it is written: "deploy/web".
  std::string text() const;
};

/// "pod/web-0", "deploy/web", "sts/db", "ds/agent", "rs/web-5d", "job/load", "svc/web" and the
/// longer names of these; a name alone is a pod's. Throws std::invalid_argument with a sentence.
Target parseTarget(std::string_view text);

/// The short name of a kind, which kubectl understands too.
const char* kindName(Kind kind);

/// The label selector of a workload or service, as `kubectl get pods -l` takes it. Throws
/// ObjectError if it has none, or one that makes no sense.
std::string selectorOf(const Target& target, const Poco::JSON::Object& object);

}  // namespace dormouse::client
