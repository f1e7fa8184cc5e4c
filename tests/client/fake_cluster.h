// The directory that the fake kubectl answers from, and the client that is told to use it.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/client/cluster_objects.h"
#include "tests/client/process.h"
#include "tests/support/temp_dir.h"

namespace dormouse::client {

/// See fake_kubectl for the files' meaning.
class FakeCluster {
 public:
  /// With the Secret that holds the token "secret", and, if `port` is given, the pod web-0 of which
  /// the control port is forwarded to that port of this machine.
  explicit FakeCluster(std::uint16_t port = 0) {
    write("secret.dormouse.json", secretText(R"("developer":"c2VjcmV0")"));
    if (port != 0) addPod({}, port);
  }

  void addPod(const PodText& pod, std::uint16_t port) {
    write("forward." + pod.name, std::to_string(port));
    write("pod." + pod.name + ".json", pod.text());
  }
  void removePod(const std::string& name) { remove("pod." + name + ".json"); }
  /// Replaced at once, so that nobody reads half of it.
  void write(const std::string& file, const std::string& content) {
    directory_.write(file + ".new", content);
    std::filesystem::rename(directory_.path() / (file + ".new"), directory_.path() / file);
  }
  void remove(const std::string& file) { std::filesystem::remove(directory_.path() / file); }
  /// The Deployment web, with these pods.
  void addDeployment(const std::string& pods) {
    write("deploy.web.json",
          R"({"kind":"Deployment","spec":{"selector":{"matchLabels":{"app":"web"}}}})");
    write("app=web.pods", pods);
  }

  /// Every call of kubectl so far, one line of JSON each.
  std::string calls() const { return read("calls.log"); }
  /// Process ids of the port-forwards that were started and not told to break off.
  std::vector<pid_t> forwards() const {
    std::vector<pid_t> found;
    std::error_code none;
    for (const auto& file :
         std::filesystem::directory_iterator(directory_.path() / "forwards", none)) {
      found.push_back(std::stoi(file.path().filename().string()));
    }
    return found;
  }
  /// The connection to the pod is lost, for every port-forward that runs.
  void breakForwards() {
    for (const pid_t pid : forwards()) remove("forwards/" + std::to_string(pid));
  }

  /// kubectl-mirror with the fake kubectl.
  std::vector<std::string> environment() const {
    return {"KUBECTL=" FAKE_KUBECTL, "PATH=/usr/local/bin:/usr/bin:/bin",
            "FAKE_KUBECTL=" + directory_.string(), "XDG_STATE_HOME=" + state().string()};
  }
  /// Where the client keeps what it has to know again.
  std::filesystem::path state() const { return directory_.path() / "state"; }
  /// What is in one of the directory's files; empty if there is none.
  std::string read(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(directory_.path() / file).rdbuf();
    return text.str();
  }

 private:
  test::TempDir directory_;
};

}  // namespace dormouse::client
