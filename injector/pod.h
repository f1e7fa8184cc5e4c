// A pod as the injector looks at it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "injector/json.h"

namespace dormouse::injector {

/// A pod of a review, read once with every type checked. Immutable.
class Pod {
 public:
  /// Throws std::invalid_argument with a sentence if something that is looked at has another type
  /// than the Kubernetes API gives it. What is not looked at is not checked.
  explicit Pod(JsonObject pod);

  const JsonObject& json() const { return json_; }
  const std::string& namespaceName() const { return namespace_; }  // Often empty in a review.

  /// The value; null if there is none.
  const std::string* label(const std::string& name) const;
  const std::string* annotation(const std::string& name) const;

  bool hostNetwork() const { return hostNetwork_; }
  bool windows() const { return windows_; }
  /// It has a container or an init container of the sidecar's name.
  bool hasSidecar() const { return hasSidecar_; }
  /// Its restart policy is OnFailure or Never: it is meant to end.
  bool runsToCompletion() const { return runsToCompletion_; }
  /// Its own resources (spec.resources) are what counts, not those of its containers.
  bool podLevelResources() const { return podLevelResources_; }
  /// QoS class Guaranteed by its containers' resources: each, init containers too, has limits of
  /// CPU and memory, and requests equal to them or none.
  bool guaranteed() const { return guaranteed_; }
  /// Ports that containers declare, whatever the protocol.
  const std::set<std::int64_t>& declaredPorts() const { return ports_; }
  const std::set<std::string>& volumeNames() const { return volumes_; }
  const std::set<std::string>& pullSecrets() const { return pullSecrets_; }

 private:
  using Texts = std::map<std::string, std::string>;
  static Texts texts(const JsonObject& parent, const std::string& name);
  static std::set<std::string> names(const JsonObject& parent, const std::string& list);
  static const std::string* find(const Texts& texts, const std::string& name);
  void readContainers(const JsonObject& spec, const char* list);

  const JsonObject json_;
  std::string namespace_;
  Texts labels_;
  Texts annotations_;
  bool hostNetwork_ = false;
  bool windows_ = false;
  bool hasSidecar_ = false;
  bool runsToCompletion_ = false;
  bool podLevelResources_ = false;
  bool guaranteed_ = true;  // Until a container says otherwise.
  std::set<std::int64_t> ports_;
  std::set<std::string> volumes_;
  std::set<std::string> pullSecrets_;
};

}  // namespace dormouse::injector
