// A pod that was not prepared, an agent that may come into it, and what the fake kubectl was told.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/json_path.h"
#include "client/pod.h"
#include "tests/client/fake_cluster.h"
#include "tests/client/fake_sidecar.h"
#include "tests/client/living_sidecar.h"
#include "tests/client/process.h"

namespace dormouse::client {

inline constexpr const char* kAsleep =
    R"({"state":"asleep","version":"0.1.0","uptime_seconds":1,"mirrors":[]})";

/// A PUT as kubectl sent it.
struct Put {
  std::string path;
  Poco::JSON::Object::Ptr body;

  bool dryRun() const { return path.ends_with("?dryRun=All"); }
  /// The last one of those that it lists.
  Poco::JSON::Object::Ptr container() const {
    return objectsAt(*body, {"spec", "ephemeralContainers"}).back();
  }
  std::string name() const { return textAt(*container(), {"name"}).value_or(""); }
  /// The value of a flag of the container; empty if it has none.
  std::string flag(const std::string& name) const {
    const std::string start = "--" + name + "=";
    for (const std::string& argument : textListAt(*container(), {"args"})) {
      if (argument.starts_with(start)) return argument.substr(start.size());
    }
    return "";
  }
};

class AttachTest : public testing::Test {
 protected:
  AttachTest() {
    agent_.sidecar().on("GET /v1/status", [this](Call& call) { call.answer(200, status_); });
    agent_.sidecar().on("DELETE /v1/mirrors ",
                        [](Call& call) { call.answer(200, R"({"mirrors":[{},{}]})"); });
    pod_.annotated = pod_.withAgent = false;
    cluster_.addPod(pod_, agent_.port());
  }

  void addPod() { cluster_.addPod(pod_, agent_.port()); }

  /// Every PUT so far.
  std::vector<Put> puts() const {
    std::vector<Put> found;
    std::istringstream lines(cluster_.read("puts.log"));
    for (std::string line; std::getline(lines, line);) {
      const auto object = objectFromText(line);
      found.push_back({textAt(*object, {"path"}).value_or(""), objectAt(*object, {"body"})});
    }
    return found;
  }
  /// Those that were meant.
  std::vector<Put> realPuts() const {
    auto all = puts();
    std::erase_if(all, [](const Put& put) { return put.dryRun(); });
    return all;
  }

  /// Runs the client to its end.
  struct Ended {
    int code;
    std::string text;  // Output and error output.
  };
  Ended run(const std::vector<std::string>& words) const {
    Process client(MIRROR_BINARY, words, cluster_.environment());
    const int code = client.wait();
    return {code, client.out() + client.err()};
  }

  /// The token of the latest call to the agent.
  std::string lastToken() {
    const std::string head = agent_.sidecar().calls().back();
    const std::string start = "Authorization: Bearer ";
    const std::size_t begin = head.find(start) + start.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }

  /// The state of all containers that were added, from now on.
  void setState(const std::string& json) {
    cluster_.write("ephemeral.state", json);
    std::string pod = cluster_.read("pod.web-0.json");
    const std::string from = R"("state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}})";
    for (std::size_t at = 0; (at = pod.find(from)) != std::string::npos;) {
      pod.replace(at, from.size(), "\"state\": " + json);
    }
    cluster_.write("pod.web-0.json", pod);
  }

  std::string status_ = kAsleep;
  PodText pod_;
  LivingSidecar agent_{"GET /attached"};
  FakeCluster cluster_;
};

}  // namespace dormouse::client
