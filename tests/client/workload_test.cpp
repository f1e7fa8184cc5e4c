// kubectl-mirror on all pods of a workload: which are mirrored, and when the run ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_cluster.h"
#include "tests/client/fake_sidecar.h"
#include "tests/client/living_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

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

TEST(Workload, APodThatIsDeletedInOrderHasMissedNothing) {
  LivingSidecar second("second");
  EndingSidecar first("shutdown");
  LocalProgram program;
  FakeCluster cluster;
  PodText leaving{"web-a", "uid-a"};
  cluster.addPod(leaving, first.port());
  cluster.addDeployment("web-a\n");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-first"));
  ASSERT_EQ(program.await(1).size(), 1U);
  leaving.metadata = R"("deletionTimestamp":"2026-01-01T00:00:00Z",)";
  cluster.addPod(leaving, first.port());
  // Listed behind the other: once it is mirrored the client knows that the other one leaves.
  cluster.addPod({"web-b", "uid-b"}, second.port());
  cluster.write("app=web.pods", "web-a\nweb-b\n");
  ASSERT_TRUE(client.awaitOutput("pod/web-b: mirror m-")) << client.out();
  first.end();
  ASSERT_TRUE(client.awaitOutput("(shutdown), because its pod is being deleted")) << client.out();
  ASSERT_EQ(program.await(2).size(), 2U);
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_THAT(client.out(), HasSubstr("verdict: 2 of 2 connections delivered from 2 pods\n"));
  EXPECT_THAT(first.sidecar().calls(), Contains(StartsWith("GET /v1/stream")).Times(1));
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

TEST(Workload, ThatMayNotBeForwardedIsNotTriedAgain) {
  FakeCluster cluster(1);
  cluster.addDeployment("web-0\n");
  cluster.write(
      "fail.port-forward",
      "error: error upgrading connection: pods \"web-0\" is forbidden: User \"eve\" cannot "
      "create resource \"pods/portforward\"");
  Process client(MIRROR_BINARY, {"deploy/web", "80"}, cluster.environment());
  EXPECT_EQ(client.wait(), 3);
  EXPECT_THAT(client.err(), HasSubstr("pods \"web-0\" is forbidden"));
  EXPECT_EQ(cluster.forwards().size(), 0U);
}

TEST(Workload, EndsWithTheFirstMirrorWhoseTimeIsOver) {
  LivingSidecar later("later");
  EndingSidecar first("ttl");
  LocalProgram program;
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, first.port());
  cluster.addPod({"web-b", "uid-b"}, later.port());
  cluster.addDeployment("web-a\nweb-b\n");
  Process client(MIRROR_BINARY, {"deploy/web", pairTo(program)}, cluster.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-first"));
  ASSERT_TRUE(client.awaitOutput("pod/web-b: mirror m-"));
  ASSERT_EQ(program.await(2).size(), 2U);
  first.end();
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();
  EXPECT_THAT(client.out(), AllOf(HasSubstr("pod/web-a: the sidecar ended the mirror (ttl)"),
                                  HasSubstr("pod/web-b: ended with the first mirror whose"),
                                  HasSubstr("verdict: 2 of 2 connections delivered from 2 pods")));
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

}  // namespace
}  // namespace dormouse::client
