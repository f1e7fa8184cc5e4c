// kubectl-mirror as a developer runs it on pods: a kubectl that answers from files, and scripted
// sidecars behind its port-forwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/client/fake_cluster.h"
#include "tests/client/fake_sidecar.h"
#include "tests/client/living_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

using testing::HasSubstr;
using testing::Not;

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

std::string crashing(const std::string& name) {
  PodText pod{name, "uid-" + name};
  pod.agentState = R"({"waiting":{"reason":"CrashLoopBackOff"}})";
  return pod.text();
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
        Refusal{"noAgentRuns",
                {{"deploy.web.json", R"({"spec":{"selector":{"matchLabels":{"app":"web"}}}})"},
                 {"app=web.pods", "a\nb\nc\nd\n"},
                 {"pod.a.json", crashing("a")},
                 {"pod.b.json", crashing("b")},
                 {"pod.c.json", crashing("c")},
                 {"pod.d.json", crashing("d")}},
                {"deploy/web", "80"},
                "no pod of deploy/web can be mirrored: pod/a: the agent's container dormouse is "
                "not running (waiting: CrashLoopBackOff); pod/b: "},
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

}  // namespace
}  // namespace dormouse::client
