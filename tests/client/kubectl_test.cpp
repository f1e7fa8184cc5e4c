// kubectl-mirror as a developer runs it on pods: a kubectl that answers from files, and scripted
// sidecars behind its port-forwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/client/fake_cluster.h"
#include "tests/client/fake_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

using testing::HasSubstr;
using testing::Not;

std::uint16_t portOf(const FakeSidecar& sidecar) {
  const std::string url = sidecar.url();
  return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

std::string one(std::uint64_t id, const std::string& bytes) {
  return Stream().open(id).data(id, bytes).close(id).text();
}

/// A sidecar whose streams bring one connection and then last until they are deleted.
class LivingSidecar {
 public:
  explicit LivingSidecar(const std::string& bytes) {
    sidecar_.on("GET /v1/stream", [this, bytes](Call& call) {
      ++streams_;
      call.beginStream();
      call.send(one(1, bytes));
      deleted_.await();
      call.send(Stream().ledger(deliveredLedger(1)).text().substr(4));
    });
    sidecar_.on("DELETE /v1/mirrors/m-0123456789ab ", [this](Call& call) {
      deleted_.set();
      call.answer(200, reportJson(deliveredLedger(1)));
    });
  }
  ~LivingSidecar() { deleted_.set(); }

  FakeSidecar& sidecar() { return sidecar_; }
  std::uint16_t port() const { return portOf(sidecar_); }
  int streams() const { return streams_; }

 private:
  std::atomic<int> streams_ = 0;
  Flag deleted_;
  FakeSidecar sidecar_;  // Last: its scripts use the others.
};

std::string pairTo(const LocalProgram& program) {
  return "8080:" + std::to_string(program.port());
}

TEST(Pods, AreWokenWithTheSecretsTokenThroughAPortForward) {
  FakeSidecar sidecar;
  LocalProgram program;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(one(1, "GET /hello") + Stream().ledger(deliveredLedger(1)).text().substr(4));
  });
  FakeCluster cluster(portOf(sidecar));
  Process client(MIRROR_BINARY,
                 {"pod/web-0", pairTo(program), "-n", "shop", "--context", "a b", "--ttl", "90s"},
                 cluster.environment());
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].bytes, "GET /hello");
  EXPECT_THAT(client.out(), AllOf(HasSubstr("pod/web-0: mirror m-0123456789ab: port 8080 to "),
                                  HasSubstr("\nverdict: 2 of 2 connections delivered\n")));
  EXPECT_THAT(sidecar.calls().at(0),
              AllOf(HasSubstr("\r\nAuthorization: Bearer secret\r\n"), HasSubstr("ttl=1m30s")));
  const std::string calls = cluster.calls();
  EXPECT_THAT(calls, AllOf(HasSubstr(R"("--context=a b", "--namespace=shop", "port-forward")"),
                           HasSubstr(R"("get", "secret", "dormouse")"), Not(HasSubstr("c2Vj"))));
  ASSERT_EQ(cluster.forwards().size(), 1U);
  EXPECT_TRUE(awaitEnd(cluster.forwards()[0])) << "a port-forward is left behind";
}

TEST(Pods, TheTokenGivenIsInNobodysCommandLineOrEnvironment) {
  LivingSidecar pod("x");
  LocalProgram program;
  FakeCluster cluster(pod.port());
  auto environment = cluster.environment();
  environment.emplace_back("DORMOUSE_TOKEN=very-secret");
  Process client(MIRROR_BINARY, {"web-0", pairTo(program)}, environment);
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_THAT(pod.sidecar().calls().at(0), HasSubstr("Bearer very-secret"));
  EXPECT_THAT(cluster.calls(), AllOf(Not(HasSubstr("very-secret")), Not(HasSubstr("secret\""))));
  EXPECT_THAT(client.out() + client.err(), Not(HasSubstr("very-secret")));
}

TEST(Pods, AKilledClientLeavesNoPortForwardBehind) {
  LivingSidecar pod("x");
  FakeCluster cluster(pod.port());
  Process client(MIRROR_BINARY, {"pod/web-0", "8080"}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  ASSERT_EQ(cluster.forwards().size(), 1U);
  client.signal(SIGKILL);
  EXPECT_EQ(client.wait(), 128 + SIGKILL);
  EXPECT_TRUE(awaitEnd(cluster.forwards()[0]));
}

struct Refusal {
  const char* name;
  std::vector<std::pair<const char*, std::string>> files;
  std::vector<std::string> words;
  const char* sentence;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, SaysWhyAndExitsWith3) {
  FakeCluster cluster(1);
  for (const auto& [file, content] : GetParam().files) cluster.write(file, content);
  Process client(MIRROR_BINARY, GetParam().words, cluster.environment());
  EXPECT_EQ(client.wait(), 3) << client.out();
  EXPECT_THAT(client.err(), HasSubstr(GetParam().sentence));
  EXPECT_THAT(client.err(), Not(HasSubstr("E1123")));
}

PodText restricted() {
  PodText pod;
  pod.status = R"({\"skipped\":\"restricted\"})";
  return pod;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Refused,
    testing::Values(
        Refusal{"absent", {}, {"pod/nobody", "80"}, "kubectl: pods \"nobody\" not found"},
        Refusal{"forbidden",
                {{"fail.get.pod", "Error from server (Forbidden): pods \"web-0\" is forbidden"}},
                {"pod/web-0", "80"},
                "kubectl: pods \"web-0\" is forbidden"},
        Refusal{"noSecret", {}, {"pod/web-0", "80", "--secret", "other"}, "no token: kubectl: "},
        Refusal{"noPrincipal", {}, {"pod/web-0", "80", "--as", "eve"}, "no token of eve"},
        Refusal{"restricted",
                {{"pod.r.json", restricted().text()}},
                {"pod/r", "80"},
                "enforces the Pod Security level restricted"},
        Refusal{"noJson", {{"pod.web-0.json", "<html>"}}, {"pod/web-0", "80"}, "no JSON object"},
        Refusal{"forwardFails",
                {{"fail.port-forward",
                  "E1123 10:00:00 x\nerror: unable to forward port because pod is not running"}},
                {"pod/web-0", "80"},
                "kubectl port-forward: unable to forward port because pod is not running"},
        Refusal{"nobodyListens", {}, {"pod/web-0", "80"}, "connection refused"},
        Refusal{"noPods",
                {{"deploy.web.json", R"({"spec":{"selector":{"matchLabels":{"app":"web"}}}})"}},
                {"deploy/web", "80"},
                "no pod of deploy/web is running (it has none)"},
        Refusal{"pcapForwardFails",
                {{"fail.port-forward", "error: no"}},
                {"pcap", "pod/web-0", "80", "--write", "/dev/null"},
                "kubectl port-forward: no"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(Pods, CtrlCEndsTheWaitForKubectl) {
  FakeCluster cluster(1);
  cluster.write("slow.get", "60");
  Process client(MIRROR_BINARY, {"pod/web-0", "80"}, cluster.environment());
  for (int i = 0; i < 1000 && cluster.calls().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 3);
  EXPECT_THAT(client.err(), HasSubstr("stopped before kubectl answered"));
}

TEST(Pods, ABrokenPortForwardIsRestartedAndWhatWasMissedIsSaid) {
  FakeSidecar sidecar;
  LocalProgram program;
  std::atomic<int> streams = 0;
  sidecar.on("GET /v1/stream", [&](Call& call) {
    const int number = ++streams;
    call.beginStream(number == 1 ? "m-first" : "m-second");
    if (number == 1) {
      call.send(one(1, "before") + Stream().open(2).data(2, "half").text().substr(4));
      call.awaitClose();
    } else {
      call.send(one(1, "after") + Stream().ledger(deliveredLedger(1)).text().substr(4));
    }
  });
  // What became of the first mirror is asked, before the second begins.
  wire::Ledger first = deliveredLedger(1);
  first.connections.skip(Reason::kSinkClosed);
  sidecar.on("DELETE /v1/mirrors/m-first ",
             [&](Call& call) { call.answer(200, reportJson(first)); });
  FakeCluster cluster(portOf(sidecar));
  Process client(MIRROR_BINARY, {"pod/web-0", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-first"));
  ASSERT_EQ(program.await(1).size(), 1U);
  cluster.breakForwards();
  EXPECT_EQ(client.wait(), 1) << client.out() << client.err();
  EXPECT_THAT(client.out(),
              AllOf(HasSubstr("pod/web-0: the stream broke off"), HasSubstr("mirrored again"),
                    HasSubstr("mirror m-second"), HasSubstr("2 mirrors have ended"),
                    HasSubstr("sink-closed 1"),
                    HasSubstr("verdict: 2 of 3 connections delivered; not mirrored for "),
                    HasSubstr(" in 1 interruption")));
  const auto calls = sidecar.calls();
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_TRUE(calls[1].starts_with("DELETE"));
  const auto received = program.await(3);
  ASSERT_EQ(received.size(), 3U);
  EXPECT_TRUE(received[0].clean);
  EXPECT_FALSE(received[1].clean) << "half a request must not look whole";
  EXPECT_EQ(received[2].bytes, "after");
}

TEST(Pods, OneThatIsGoneAfterABreakEndsTheRunWithoutItsLedger) {
  LivingSidecar pod("x");
  LocalProgram program;
  FakeCluster cluster(pod.port());
  Process client(MIRROR_BINARY, {"pod/web-0", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  ASSERT_EQ(program.await(1).size(), 1U);
  cluster.removePod("web-0");
  cluster.breakForwards();
  EXPECT_EQ(client.wait(), 4) << client.out();
  EXPECT_THAT(client.out(),
              AllOf(HasSubstr("pod/web-0 is gone"),
                    HasSubstr("verdict: 1 of 1 connection delivered; not mirrored for "),
                    HasSubstr("the ledger of 1 mirror is lost")));
}

TEST(Pods, ARefusalIsNotTriedAgainAndNamesNoToken) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.answer(401, R"({"detail":"unknown token"})", "application/problem+json");
  });
  FakeCluster cluster(portOf(sidecar));
  Process client(MIRROR_BINARY, {"pod/web-0", "80"}, cluster.environment());
  EXPECT_EQ(client.wait(), 3);
  EXPECT_THAT(client.err(), AllOf(HasSubstr("401: unknown token"), Not(HasSubstr("secret"))));
  EXPECT_EQ(sidecar.calls().size(), 1U);
}

TEST(Workload, AllItsPodsAreMirroredAndCountedTogether) {
  LivingSidecar first("first");
  LivingSidecar second("second");
  LocalProgram program;
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, first.port());
  cluster.addPod({"web-b", "uid-b"}, second.port());
  cluster.addDeployment("web-a\nweb-b\n");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("pod/web-a: mirror m-"));
  ASSERT_TRUE(client.awaitOutput("pod/web-b: mirror m-"));
  ASSERT_EQ(program.await(2).size(), 2U);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_THAT(client.out(), AllOf(HasSubstr("pod/web-a: the mirror has ended"),
                                  HasSubstr("pod/web-b: the mirror has ended"),
                                  HasSubstr("verdict: 2 of 2 connections delivered from 2 pods")));
}

TEST(Workload, APodThatIsReplacedIsPickedUp) {
  LivingSidecar first("first");
  LivingSidecar second("second");
  LocalProgram program;
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, first.port());
  cluster.addDeployment("web-a\n");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("pod/web-a: mirror m-"));
  ASSERT_EQ(program.await(1).size(), 1U);
  // First it goes; the next one is seen as it starts, and is not ready to be mirrored yet.
  cluster.write("app=web.pods", "web-b\n");
  cluster.removePod("web-a");
  cluster.breakForwards();
  ASSERT_TRUE(client.awaitOutput("no pod of deploy/web is left"));
  PodText next{"web-b", "uid-b"};
  next.agentState = R"({"waiting":{"reason":"PodInitializing"}})";
  cluster.addPod(next, second.port());
  next.agentState = PodText{}.agentState;
  cluster.addPod(next, second.port());
  ASSERT_TRUE(client.awaitOutput("pod/web-b: mirror m-")) << client.out();
  ASSERT_EQ(program.await(2).size(), 2U);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 4) << "the ledger of the first is lost: " << client.out();
  EXPECT_THAT(client.out(), HasSubstr("verdict: 2 of 2 connections delivered from 2 pods"));
  EXPECT_EQ(first.streams(), 1);
  EXPECT_EQ(second.streams(), 1);
}

TEST(Workload, OnePodsFailureDoesNotEndTheOthers) {
  LivingSidecar good("good");
  LocalProgram program;
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, good.port());
  PodText bare{"web-b", "uid-b"};
  bare.annotated = bare.withAgent = false;
  cluster.addPod(bare, 1);
  cluster.addDeployment("web-a\nweb-b\n");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("pod/web-a: mirror m-"));
  ASSERT_TRUE(client.awaitOutput("not mirrored: pod/web-b has no mirror agent"));
  ASSERT_EQ(program.await(1).size(), 1U);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 1) << client.out();
  EXPECT_THAT(client.out(), HasSubstr("verdict: 2 of 2 connections delivered; pods that could not "
                                      "be mirrored: 1"));
}

TEST(Workload, NoMorePodsThanAllowedAreMirroredAtATime) {
  LivingSidecar pod("x");
  LocalProgram program;
  FakeCluster cluster;
  std::string names;
  for (const char* name : {"web-a", "web-b", "web-c"}) {
    cluster.addPod({name, std::string("uid-") + name}, pod.port());
    names += std::string(name) + "\n";
  }
  cluster.addDeployment(names);
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program), "--max-pods", "2"},
                 cluster.environment());
  ASSERT_TRUE(client.awaitOutput("more pods than are mirrored: 2 (--max-pods)"));
  ASSERT_EQ(program.await(2).size(), 2U);
  EXPECT_EQ(pod.streams(), 2);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
}

TEST(Workload, ThatMayNotBeWatchedIsMirroredAllTheSame) {
  LivingSidecar pod("x");
  LocalProgram program;
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, pod.port());
  cluster.addDeployment("web-a\n");
  cluster.write("fail.watch", "Error from server (Forbidden): unknown (get pods)");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("the pods cannot be watched (unknown (get pods))"));
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  ASSERT_EQ(program.await(1).size(), 1U);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
}

TEST(PcapOfAPod, ComesThroughAPortForward) {
  std::string packets;
  for (int i = 0; i < 300'000; ++i) packets += static_cast<char>(i * 7);
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(packets, 5000);
  });
  sidecar.on("GET /v1/mirrors/",
             [](Call& call) { call.answer(200, reportJson(deliveredLedger(3))); });
  FakeCluster cluster(portOf(sidecar));
  Process client(MIRROR_BINARY, {"pcap", "pod/web-0", "8080"}, cluster.environment());
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_TRUE(client.out() == packets) << client.out().size();
  EXPECT_THAT(client.err(), HasSubstr("pod/web-0: mirror m-"));
}

TEST(PcapOfAPod, IsOfOneOnly) {
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, 1);
  cluster.addPod({"web-b", "uid-b"}, 1);
  cluster.addDeployment("web-a\nweb-b\n");
  Process client(MIRROR_BINARY, {"pcap", "deploy/web", "8080"}, cluster.environment());
  EXPECT_EQ(client.wait(), 2);
  EXPECT_THAT(client.err(), HasSubstr("pcap takes one pod, and deploy/web has 2: pod/web-a"));
}

}  // namespace
}  // namespace dormouse::client
