// The Secrets with the sidecars' tokens: empty ones are filled.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/log.h"
#include "injector/kube/cluster.h"

namespace dormouse::injector {

/// The key under which a token is put: the name of its principal.
inline constexpr const char* kPrincipal = "developer";

/// Where a Secret is.
struct SecretName {
  std::string space;
  std::string name;
};

/// "NAMESPACE/NAME", both as Kubernetes allows them. Throws std::invalid_argument with a sentence.
SecretName parseSecretName(const std::string& text);

/// 256 random bits as 43 characters of base64url (RFC 4648, section 5). Throws std::runtime_error
/// if there is no randomness.
std::string makeToken();

/// Fills each Secret that has no value yet with one token, under its resourceVersion, so that
/// replicas end with the same one. Whatever a Secret holds is left alone. One thread.
class TokenSecrets {
 public:
  /// The references outlive the object.
  TokenSecrets(std::vector<SecretName> secrets, KubeApi& api, const Log& log)
      : secrets_(std::move(secrets)), api_(api), log_(log) {}

  /// Looks at each once. False if one could not be looked at or filled (it is logged); the others
  /// are. Never throws.
  bool step() noexcept;

 private:
  bool fill(const SecretName& name) noexcept;

  const std::vector<SecretName> secrets_;
  KubeApi& api_;
  const Log& log_;
};

}  // namespace dormouse::injector
