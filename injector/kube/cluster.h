// The few objects of Kubernetes that the injector reads and writes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "injector/json.h"
#include "injector/kube/api.h"

namespace dormouse::injector {

/// A Secret as it was read, to be written back under its resourceVersion.
struct Secret {
  std::string space;
  std::string name;
  JsonObject json;
  std::map<std::string, std::string> data;  // Decoded. Values that are not Base64 count as empty.

  /// True if no key has a value.
  bool empty() const;
};

/// A MutatingWebhookConfiguration, as far as certificates go.
struct WebhookConfiguration {
  std::string resourceVersion;
  std::map<std::string, std::string> bundles;  // By the webhook's name: its caBundle, decoded.
};

/// "1.29": major and minor of the API server.
struct ServerVersion {
  int major = 0;
  int minor = 0;
  bool nativeSidecars() const { return major > 1 || (major == 1 && minor >= 29); }
};

// All of these throw ApiError; for an answer that is not what was asked for with status 0.

Secret readSecret(KubeApi& api, const std::string& space, const std::string& name);

/// Replaces the Secret's data. A conflict (ApiError::conflict) means that it has changed since it
/// was read: compare-and-swap.
void writeSecret(KubeApi& api, const Secret& secret,
                 const std::map<std::string, std::string>& data);

WebhookConfiguration readWebhooks(KubeApi& api, const std::string& name);

/// Sets the caBundle of the named webhooks and touches nothing else; a conflict as above.
void patchBundles(KubeApi& api, const std::string& name, const std::string& resourceVersion,
                  const std::map<std::string, std::string>& bundles);

ServerVersion readVersion(KubeApi& api);

/// All items of a list, page by page. `path` without `limit` and `continue`.
std::vector<JsonObject> readList(KubeApi& api, const std::string& path);

}  // namespace dormouse::injector
