#include "injector/kube/cluster.h"

#include <Poco/URI.h>

#include <cstdlib>
#include <stdexcept>

#include "common/quote.h"
#include "injector/base64.h"

namespace dormouse::injector {
namespace {

constexpr const char* kWebhooks =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/";
constexpr int kMostPages = 1000;

// Turns what does not look like the Kubernetes API into an ApiError that names the call.
template <typename Read>
auto understood(const std::string& path, const Read& read) {
  try {
    return read();
  } catch (const std::invalid_argument& error) {
    throw ApiError(0, "the answer to " + path.substr(0, path.find('?')) +
                          " is not understood: " + error.what());
  }
}

std::string secretPath(const std::string& space, const std::string& name) {
  return "/api/v1/namespaces/" + space + "/secrets/" + name;
}

std::string requiredString(const JsonObject& parent, const std::string& name) {
  const auto value = stringMember(parent, name);
  if (!value || value->empty()) throw std::invalid_argument("there is no " + inQuotes(name));
  return *value;
}

}  // namespace

bool Secret::empty() const {
  for (const auto& [key, value] : data) {
    if (!value.empty()) return false;
  }
  return true;
}

Secret readSecret(KubeApi& api, const std::string& space, const std::string& name) {
  const std::string path = secretPath(space, name);
  return understood(path, [&] {
    Secret secret{space, name, {}, {}};
    secret.json = parseObject(api.call({"GET", path, "", ""}));
    requiredString(objectMember(secret.json, "metadata"), "resourceVersion");
    const JsonObject data = objectMember(secret.json, "data");
    if (data.isNull()) return secret;
    for (const auto& entry : *data) {
      const auto text = stringMember(data, entry.first);
      secret.data[entry.first] = decodeBase64(text.value_or("")).value_or("");
    }
    return secret;
  });
}

void writeSecret(KubeApi& api, const Secret& secret,
                 const std::map<std::string, std::string>& data) {
  JsonObject encoded = newObject();
  for (const auto& [key, value] : data) encoded->set(key, encodeBase64(value));
  JsonObject changed = new Poco::JSON::Object(*secret.json);
  changed->set("data", encoded);
  api.call({"PUT", secretPath(secret.space, secret.name), toText(changed), "application/json"});
}

WebhookConfiguration readWebhooks(KubeApi& api, const std::string& name) {
  const std::string path = kWebhooks + name;
  return understood(path, [&] {
    const JsonObject json = parseObject(api.call({"GET", path, "", ""}));
    WebhookConfiguration configuration;
    configuration.resourceVersion =
        requiredString(objectMember(json, "metadata"), "resourceVersion");
    const JsonArray webhooks = arrayMember(json, "webhooks");
    for (unsigned i = 0; !webhooks.isNull() && i < webhooks->size(); ++i) {
      const JsonObject webhook = objectElement(webhooks, i, "webhooks");
      const auto bundle = stringMember(objectMember(webhook, "clientConfig"), "caBundle");
      configuration.bundles[requiredString(webhook, "name")] =
          decodeBase64(bundle.value_or("")).value_or("");
    }
    return configuration;
  });
}

void patchBundles(KubeApi& api, const std::string& name, const std::string& resourceVersion,
                  const std::map<std::string, std::string>& bundles) {
  // A strategic merge patch finds the elements of the list by the webhooks' names.
  JsonArray webhooks = newArray();
  for (const auto& [webhook, bundle] : bundles) {
    JsonObject config = newObject();
    config->set("caBundle", encodeBase64(bundle));
    JsonObject element = newObject();
    element->set("name", webhook);
    element->set("clientConfig", config);
    webhooks->add(element);
  }
  JsonObject metadata = newObject();
  metadata->set("resourceVersion", resourceVersion);
  JsonObject patch = newObject();
  patch->set("metadata", metadata);
  patch->set("webhooks", webhooks);
  api.call({"PATCH", kWebhooks + name, toText(patch), "application/strategic-merge-patch+json"});
}

ServerVersion readVersion(KubeApi& api) {
  const std::string path = "/version";
  return understood(path, [&] {
    const JsonObject json = parseObject(api.call({"GET", path, "", ""}));
    // Some providers write the minor version as "29+".
    ServerVersion version;
    version.major = std::atoi(requiredString(json, "major").c_str());
    version.minor = std::atoi(requiredString(json, "minor").c_str());
    if (version.major <= 0) throw std::invalid_argument("the major version is no number");
    return version;
  });
}

std::vector<JsonObject> readList(KubeApi& api, const std::string& path) {
  return understood(path, [&] {
    std::vector<JsonObject> items;
    std::string more;
    for (int page = 0; page < kMostPages; ++page) {
      std::string url = path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=100";
      if (!more.empty()) {
        std::string encoded;
        Poco::URI::encode(more, "&=+?#%/", encoded);
        url += "&continue=" + encoded;
      }
      const JsonObject json = parseObject(api.call({"GET", url, "", ""}));
      const JsonArray list = arrayMember(json, "items");
      for (unsigned i = 0; !list.isNull() && i < list->size(); ++i) {
        items.push_back(objectElement(list, i, "items"));
      }
      more = stringMember(objectMember(json, "metadata"), "continue").value_or("");
      if (more.empty()) break;
    }
    return items;
  });
}

}  // namespace dormouse::injector
