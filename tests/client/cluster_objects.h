// Kubernetes objects as kubectl prints them, for tests.
#pragma once

#include <string>

namespace dormouse::client {

/// A running pod with an injected sidecar; every part can be replaced.
struct PodText {
  std::string name = "web-0";
  std::string uid = "uid-of-web-0";
  std::string phase = "Running";
  std::string metadata = "";  // Further members, each with a comma behind.
  std::string status = R"({\"version\":\"0.1.0\",\"profile\":\"baseline\",\"controlPort\":4747})";
  std::string agentState = R"({"running":{"startedAt":"2026-01-01T00:00:00Z"}})";
  bool annotated = true;
  bool withAgent = true;

  std::string text() const {
    std::string json =
        R"({"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"7",)" + metadata;
    if (annotated) json += R"("annotations":{"dormouse.dev/status":")" + status + "\"},";
    json += R"("name":")" + name + R"(","namespace":"shop","uid":")" + uid +
            R"(","labels":{"app":"web","dormouse.dev/inject":"true"}},"spec":{)";
    if (withAgent) json += R"("initContainers":[{"name":"dormouse","restartPolicy":"Always"}],)";
    json += R"("containers":[{"name":"app","ports":[{"name":"http","containerPort":8080},)"
            R"({"containerPort":9090}]}]},"status":{"phase":")" +
            phase + "\"";
    if (withAgent) {
      json += R"(,"initContainerStatuses":[{"name":"dormouse","state":)" + agentState + "}]";
    }
    return json + "}}";
  }
};

/// The Secret `dormouse`; `data`: members with base64 values.
inline std::string secretText(const std::string& data) {
  return R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"dormouse"},"data":{)" + data +
         "}}";
}

}  // namespace dormouse::client
