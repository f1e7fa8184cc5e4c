// An API server in memory, with resourceVersions, for one thread, and with faults on demand.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "injector/base64.h"
#include "injector/json.h"
#include "injector/kube/api.h"

namespace dormouse::injector {

class FakeCluster final : public KubeApi {
 public:
  struct StoredSecret {
    int version = 1;
    std::map<std::string, std::string> data;
  };

  std::map<std::string, StoredSecret> secrets;  // By "namespace/name".
  int webhooksVersion = 1;
  std::map<std::string, std::string> bundles = {{"privileged.inject.dormouse.dev", ""},
                                                {"baseline.inject.dormouse.dev", ""},
                                                {"restricted.inject.dormouse.dev", ""}};
  std::string versionAnswer = R"({"major":"1","minor":"34"})";
  std::map<std::string, std::string> answers;  // Further paths, with their queries.
  std::vector<std::string> calls;              // "PUT /api/…", in order.
  /// Called before each call is served: may throw an ApiError, or play another client.
  std::function<void(const ApiRequest&)> before;

  std::string call(const ApiRequest& request) override {
    calls.push_back(request.method + " " + request.path);
    if (before) before(request);
    if (request.path == "/version") return versionAnswer;
    if (const auto found = answers.find(request.path); found != answers.end()) return found->second;
    if (request.path.rfind(kWebhooks, 0) == 0) {
      return request.method == "PATCH" ? patchWebhooks(request) : webhooksJson();
    }
    const std::string prefix = "/api/v1/namespaces/";
    const std::size_t middle = request.path.find("/secrets/");
    if (request.path.rfind(prefix, 0) == 0 && middle != std::string::npos) {
      const std::string space = request.path.substr(prefix.size(), middle - prefix.size());
      return secret(request, space, request.path.substr(middle + 9));
    }
    throw ApiError(404, request.path + " is not there");
  }

  std::size_t count(const std::string& method) const {
    std::size_t n = 0;
    for (const std::string& call : calls) n += call.rfind(method + " ", 0) == 0 ? 1U : 0U;
    return n;
  }

 private:
  static constexpr const char* kWebhooks =
      "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/";

  std::string webhooksJson() const {
    JsonArray list = newArray();
    for (const auto& [name, bundle] : bundles) {
      JsonObject config = newObject();
      if (!bundle.empty()) config->set("caBundle", encodeBase64(bundle));
      JsonObject webhook = newObject();
      webhook->set("name", name);
      webhook->set("clientConfig", config);
      webhook->set("sideEffects", "None");
      list->add(webhook);
    }
    JsonObject metadata = newObject();
    metadata->set("resourceVersion", std::to_string(webhooksVersion));
    JsonObject json = newObject();
    json->set("metadata", metadata);
    json->set("webhooks", list);
    return toText(json);
  }

  std::string patchWebhooks(const ApiRequest& request) {
    if (request.contentType != "application/strategic-merge-patch+json") {
      throw ApiError(415, "a strategic merge patch is wanted");
    }
    const JsonObject patch = parseObject(request.body);
    if (stringMember(objectMember(patch, "metadata"), "resourceVersion") !=
        std::to_string(webhooksVersion)) {
      throw ApiError(409, "the webhooks have changed");
    }
    const JsonArray list = arrayMember(patch, "webhooks");
    for (unsigned i = 0; i < list->size(); ++i) {
      const JsonObject webhook = objectElement(list, i, "webhooks");
      const std::string name = stringMember(webhook, "name").value();
      if (bundles.count(name) == 0) throw ApiError(422, "there is no such webhook");
      const auto text = stringMember(objectMember(webhook, "clientConfig"), "caBundle");
      bundles[name] = decodeBase64(text.value()).value();
    }
    ++webhooksVersion;
    return webhooksJson();
  }

  std::string secret(const ApiRequest& request, const std::string& space, const std::string& name) {
    const auto found = secrets.find(space + "/" + name);
    if (found == secrets.end()) throw ApiError(404, "there is no such Secret");
    StoredSecret& stored = found->second;
    if (request.method == "PUT") {
      const JsonObject json = parseObject(request.body);
      const JsonObject metadata = objectMember(json, "metadata");
      if (stringMember(metadata, "resourceVersion") != std::to_string(stored.version)) {
        throw ApiError(409, "the Secret has changed");
      }
      if (stringMember(objectMember(metadata, "labels"), "owner") != "helm") {
        throw ApiError(422, "the labels are gone");
      }
      stored.data.clear();
      const JsonObject data = objectMember(json, "data");
      for (const auto& entry : *data) {
        stored.data[entry.first] = decodeBase64(entry.second.toString()).value();
      }
      ++stored.version;
    }
    JsonObject labels = newObject();
    labels->set("owner", "helm");
    JsonObject metadata = newObject();
    metadata->set("name", name);
    metadata->set("namespace", space);
    metadata->set("resourceVersion", std::to_string(stored.version));
    metadata->set("labels", labels);
    JsonObject json = newObject();
    json->set("kind", "Secret");
    json->set("metadata", metadata);
    if (!stored.data.empty()) {
      JsonObject data = newObject();
      for (const auto& [key, value] : stored.data) data->set(key, encodeBase64(value));
      json->set("data", data);
    }
    return toText(json);
  }
};

}  // namespace dormouse::injector
