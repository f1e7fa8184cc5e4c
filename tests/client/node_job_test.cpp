// kubectl mirror attach --node, against a fake kubectl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "client/fresh_token.h"
#include "client/node_job_manifest.h"
#include "tests/client/attached_pod.h"
#include "tests/client/local_program.h"

namespace dormouse::client {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;

const std::string kId(64, 'a');

/// The ConfigMap, with a Job such as the chart makes.
std::string configMap(const std::string& job) {
  Poco::JSON::Object data;
  data.set("job.json", job);
  std::ostringstream text;
  data.stringify(text);
  return R"({"kind":"ConfigMap","metadata":{"name":"dormouse-node-job"},"data":)" + text.str() +
         "}";
}
const std::string kAdminsJob =
    R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"dormouse-node"},"spec":)"
    R"({"backoffLimit":0,"template":{"spec":{"hostPID":true,"containers":[{"name":"dormouse",)"
    R"("image":"reg.example/d:1","args":["--allow-port=8080"]}]}}}})";

class NodeJobTest : public AttachTest {
 protected:
  NodeJobTest() {
    cluster_.write("configmap.dormouse-node-job.json", configMap(kAdminsJob));
    addNodePod();
  }

  /// The pod web-0 on the node n-1, with these container statuses.
  void addNodePod(const std::string& statuses =
                      R"({"name":"app","state":{"running":{}},"containerID":"containerd://)" + kId +
                      R"("})") {
    addPod();
    std::string pod = pod_.text();
    pod.insert(pod.find(R"("containers")"), R"("nodeName":"n-1",)");
    pod.insert(pod.rfind(R"("phase")"), R"("containerStatuses":[)" + statuses + "],");
    cluster_.write("pod.web-0.json", pod);
  }
  /// The Jobs that were made.
  std::vector<Poco::JSON::Object::Ptr> jobs() const {
    std::vector<Poco::JSON::Object::Ptr> found;
    std::istringstream lines(cluster_.read("jobs.log"));
    for (std::string line; std::getline(lines, line);) found.push_back(objectFromText(line));
    return found;
  }
  static std::vector<std::string> flagsOf(const Poco::JSON::Object& job) {
    const auto containers = objectsAt(job, {"spec", "template", "spec", "containers"});
    return textListAt(*containers.at(0), {"args"});
  }
  bool isThere(const std::string& name) const {
    return !cluster_.read("job." + name + ".json").empty();
  }
  /// Waits until kubectl was called with such a word.
  bool awaitKubectl(const std::string& word) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (cluster_.calls().find(word) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  static std::string nameOf(const Poco::JSON::Object& job) {
    return textAt(job, {"metadata", "name"}).value_or("");
  }
};

TEST_F(NodeJobTest, MakesTheAdminsJobAimedAtThePodAndTakesItAwayAtTheEnd) {
  LocalProgram program;
  Process client(MIRROR_BINARY, {"attach", "--node", "pod/web-0", pairTo(program), "-n", "shop"},
                 cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  ASSERT_THAT(jobs(), SizeIs(1));
  const auto job = jobs()[0];
  const std::string name = nameOf(*job);
  EXPECT_TRUE(isThere(name));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_FALSE(isThere(name));
  EXPECT_TRUE(std::filesystem::is_empty(cluster_.state() / "dormouse/agents"));

  EXPECT_THAT(name, MatchesRegex("dormouse-[0-9a-f]{6}"));
  EXPECT_EQ(textAt(*job, {"spec", "template", "spec", "nodeName"}), "n-1");
  const auto container = objectsAt(*job, {"spec", "template", "spec", "containers"}).at(0);
  EXPECT_EQ(textAt(*container, {"image"}), "reg.example/d:1");
  const std::string token = lastToken();
  EXPECT_THAT(
      flagsOf(*job),
      ElementsAre("--enter-pod=shop/web-0", "--enter-pod-uid=uid-of-web-0",
                  "--enter-container=" + kId, MatchesRegex("--listen=127\\.0\\.0\\.1:[23][0-9]{4}"),
                  "--token-sha256=" + localPrincipal() + "=" + sha256Hex(token),
                  "--exit-when-idle=30s", "--allow-port=8080"));
  EXPECT_THAT(cluster_.calls() + cluster_.read("jobs.log") + client.out() + client.err(),
              Not(HasSubstr(token)));
  // The agent listens in the pod that it mirrors: that one's port is forwarded.
  EXPECT_THAT(cluster_.calls(), HasSubstr(R"("port-forward", "--address=127.0.0.1", "pod/web-0")"));
  EXPECT_THAT(puts(), IsEmpty());
}

TEST_F(NodeJobTest, AnAgentThatSomebodyMirrorsWithIsLeft) {
  LocalProgram program;
  Process client(MIRROR_BINARY, {"attach", "--node", "web-0", pairTo(program)},
                 cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  status_ = R"({"state":"awake","version":"0.1.0","uptime_seconds":1,"mirrors":[]})";
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_TRUE(isThere(nameOf(*jobs().at(0))));
  EXPECT_THAT(client.out() + client.err(), HasSubstr("stays for somebody who mirrors with it"));
}

TEST_F(NodeJobTest, WithoutPortsTheJobStaysUntilDetach) {
  const Ended attached = run({"attach", "--node", "web-0"});
  EXPECT_EQ(attached.code, 0) << attached.text;
  const std::string name = nameOf(*jobs().at(0));
  EXPECT_TRUE(isThere(name));
  // The same agent again.
  EXPECT_EQ(run({"attach", "--node", "web-0"}).code, 0);
  EXPECT_THAT(jobs(), SizeIs(1));
  const Ended detached = run({"detach", "web-0"});
  EXPECT_EQ(detached.code, 0) << detached.text;
  EXPECT_THAT(detached.text,
              HasSubstr("the Job " + name + " in the namespace dormouse-node is deleted"));
  EXPECT_FALSE(isThere(name));
}

TEST_F(NodeJobTest, AJobThatIsOverIsNotUsedAgain) {
  EXPECT_EQ(run({"attach", "--node", "web-0"}).code, 0);
  std::string over = cluster_.read("job." + nameOf(*jobs().at(0)) + ".json");
  over.insert(over.rfind('}'), R"(,"status":{"conditions":[{"type":"Complete","status":"True"}]})");
  cluster_.write("job." + nameOf(*jobs().at(0)) + ".json", over);
  EXPECT_EQ(run({"attach", "--node", "web-0"}).code, 0);
  EXPECT_THAT(jobs(), SizeIs(2));
}

TEST_F(NodeJobTest, WhatTheAgentSaysAgainstItIsRead) {
  cluster_.write("job.state",
                 R"({"terminated":{"exitCode":2,"reason":"Error","message":"{\"time\":\"x\",)"
                 R"(\"message\":\"cannot enter the pod\",\"error\":\"the pod is another\"}\n"}})");
  const Ended refused = run({"attach", "--node", "web-0", "8080"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.text, HasSubstr("the agent cannot enter pod/web-0: the pod is another\n"));
  EXPECT_FALSE(isThere(nameOf(*jobs().at(0))));
  EXPECT_TRUE(std::filesystem::is_empty(cluster_.state() / "dormouse/agents"));

  cluster_.write(
      "job.state",
      R"({"terminated":{"exitCode":2,"reason":"Error","message":"a\nunknown option\n"}})");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text, HasSubstr("pod/web-0: unknown option\n"));
}

TEST_F(NodeJobTest, WhatKeepsItFromItsStartIsSaid) {
  cluster_.write(
      "job.state",
      R"({"waiting":{"reason":"ErrImagePull","message":"no such image reg.example/d:1"}})");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text,
              HasSubstr("does not start: waiting: ErrImagePull, no such image reg.example/d:1"));
  cluster_.write("job.phase",
                 R"({"phase":"Failed","reason":"OutOfcpu","message":"Node has no cpu left"})");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text, HasSubstr("the node refuses the Job"));
  for (const auto& job : jobs()) EXPECT_FALSE(isThere(nameOf(*job)));
}

TEST_F(NodeJobTest, CtrlCWhileItStartsTakesItAway) {
  cluster_.write("job.state", R"({"waiting":{"reason":"ContainerCreating"}})");
  Process client(MIRROR_BINARY, {"attach", "--node", "web-0"}, cluster_.environment());
  ASSERT_TRUE(awaitKubectl("job-name="));
  client.signal(SIGINT);
  client.wait();
  EXPECT_FALSE(isThere(nameOf(*jobs().at(0))));
}

TEST_F(NodeJobTest, TheApiServersRefusalIsSaid) {
  cluster_.write("job.refused",
                 "ValidatingAdmissionPolicy 'x' denied request: the image must be d:1");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text,
              AllOf(HasSubstr("no Job for pod/web-0 can be made on its node"),
                    HasSubstr("the image must be d:1")));
}

TEST_F(NodeJobTest, WithoutTheAdminsPreparationItSaysWhatIsMissing) {
  cluster_.remove("configmap.dormouse-node-job.json");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text, HasSubstr("nodeJob.enabled=true"));
  cluster_.write(
      "fail.get.configmap",
      "Error from server (Forbidden): configmaps \"dormouse-node-job\" is forbidden: User");
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text,
              HasSubstr("an admin binds the Role dormouse-node-developer"));
  cluster_.remove("fail.get.configmap");
  for (const std::string& job :
       {std::string("x"), std::string("{}"), std::string(R"({"kind":"Pod"})"),
        std::string(
            R"({"kind":"Job","metadata":{},"spec":{"template":{"spec":{"containers":[]}}}})")}) {
    cluster_.write("configmap.dormouse-node-job.json", configMap(job));
    const Ended refused = run({"attach", "--node", "web-0"});
    EXPECT_EQ(refused.code, 3) << job;
  }
  EXPECT_THAT(jobs(), IsEmpty());
}

TEST_F(NodeJobTest, ThePodsNetworkMustBeItsOwn) {
  std::string pod = cluster_.read("pod.web-0.json");
  pod.insert(pod.find(R"("containers")"), R"("hostNetwork":true,)");
  cluster_.write("pod.web-0.json", pod);
  EXPECT_THAT(run({"attach", "--node", "web-0"}).text, HasSubstr("has its node's network"));
  EXPECT_THAT(jobs(), IsEmpty());
}

// --- The target, out of the pod ---

Poco::JSON::Object::Ptr podWith(const std::string& statuses, const std::string& metadata = "") {
  return objectFromText(
      R"({"kind":"Pod","metadata":{)" + metadata + R"("name":"web-0","uid":"u-1"},)" +
      R"("spec":{"nodeName":"n-1"},"status":{"containerStatuses":[)" + statuses + "]}}");
}
std::string status(const std::string& name, const std::string& id,
                   const std::string& state = R"({"running":{}})") {
  return R"({"name":")" + name + R"(","state":)" + state + R"(,"containerID":")" + id + "\"}";
}

TEST(NodeTargetTest, TheFirstContainerThatRuns) {
  const auto pod = podWith(status("done", "cri-o://" + kId, R"({"terminated":{}})") + "," +
                           status("app", "cri-o://" + std::string(64, 'b')) + "," +
                           status("log", "docker://" + std::string(64, 'c')));
  NodeTarget target = nodeTargetOf(*pod, "");
  EXPECT_EQ(target.node, "n-1");
  EXPECT_EQ(target.podUid, "u-1");
  EXPECT_EQ(target.container, "app");
  EXPECT_EQ(target.containerId, std::string(64, 'b'));
  target = nodeTargetOf(*pod, "log");
  EXPECT_EQ(target.containerId, std::string(64, 'c'));
  EXPECT_THROW(nodeTargetOf(*pod, "done"), ObjectError);
  EXPECT_THROW(nodeTargetOf(*pod, "other"), ObjectError);
}

TEST(NodeTargetTest, AStaticPodIsKnownToItsNodeByItsHash) {
  const auto pod = podWith(status("app", "containerd://" + kId),
                           R"("annotations":{"kubernetes.io/config.hash":"0123"},)");
  EXPECT_EQ(nodeTargetOf(*pod, "").podUid, "0123");
}

TEST(NodeTargetTest, WhatIsNoContainersIdIsRefused) {
  for (const std::string& id :
       {std::string(), kId, "containerd://" + kId.substr(1), "containerd://" + kId + "a",
        "containerd://../" + kId.substr(3), "containerd://" + std::string(64, 'A')}) {
    EXPECT_THROW(nodeTargetOf(*podWith(status("app", id)), ""), ObjectError) << id;
  }
}

}  // namespace
}  // namespace dormouse::client
