// What kubectl is answered through kubectl_complete-mirror.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_cluster.h"
#include "tests/client/process.h"

namespace dormouse::client {
namespace {

std::string completed(const FakeCluster& cluster, std::vector<std::string> words) {
  words.insert(words.begin(), "__complete");
  Process client(MIRROR_BINARY, words, cluster.environment());
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.err(), "");
  return client.out();
}

TEST(Completion, OffersTargetsAndTheirPorts) {
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, 1);
  cluster.addPod({"db-0", "uid-d"}, 1);
  cluster.addDeployment("web-a\n");
  EXPECT_EQ(completed(cluster, {""}),
            "pcap\twrite packets\nexec\tstart a program and mirror its ports\n"
            "attach\tbring an agent into a pod that has none\ndetach\tend your mirrors in a pod\n"
            "list\twho is awake where\n"
            "pod/db-0\npod/web-a\ndeploy/web\n:4\n");
  EXPECT_EQ(completed(cluster, {"pcap", "pod/w"}), "pod/web-a\n:4\n");
  EXPECT_EQ(completed(cluster, {"deployment/"}), "deployment/web\n:4\n");
  EXPECT_EQ(completed(cluster, {"node/"}), ":4\n");
  EXPECT_EQ(completed(cluster, {"deploy/web", ""}), "8080\tapp\n9090\tapp\n:4\n");
  EXPECT_EQ(completed(cluster, {"-q", "pod/web-a", "8080:3000", ""}), "9090\tapp\n:4\n");
  EXPECT_EQ(completed(cluster, {"pod/absent", ""}), ":4\n");
}

TEST(Completion, BehindExecAndItsTargetComesAProgram) {
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, 1);
  EXPECT_EQ(completed(cluster, {"exec", ""}), "pod/web-a\n:4\n");
  EXPECT_EQ(completed(cluster, {"exec", "pod/web-a", ""}), ":4\n");
  EXPECT_EQ(completed(cluster, {"exec", "pod/web-a", "--", ""}), ":0\n");
  EXPECT_EQ(completed(cluster, {"exec", "pod/web-a", "--", "env", "--max"}), ":0\n");
  EXPECT_EQ(completed(cluster, {"pod/web-a", "--", ""}), ":4\n");
}

TEST(Completion, OfAttachAndDetachIsOnePodAndOfListNothing) {
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, 1);
  cluster.addDeployment("web-a\n");
  EXPECT_EQ(completed(cluster, {"attach", ""}), "pod/web-a\n:4\n");
  EXPECT_EQ(completed(cluster, {"attach", "pod/web-a", "80"}), "8080\tapp\n:4\n");
  EXPECT_EQ(completed(cluster, {"detach", "pod/web-a", ""}), ":4\n");
  EXPECT_EQ(completed(cluster, {"list", ""}), ":4\n");
}

TEST(Completion, OffersOptionsAndTheirValues) {
  FakeCluster cluster;
  cluster.write("namespace.shop.json", "{}");
  EXPECT_EQ(completed(cluster, {"pod/a", "--midstream", ""}), "http\nraw\n:4\n");
  EXPECT_EQ(completed(cluster, {"-n", "s"}), "shop\n:4\n");
  EXPECT_EQ(completed(cluster, {"--token-file", ""}), ":0\n");
  EXPECT_THAT(completed(cluster, {"--max"}), testing::StartsWith("--max-pods\t"));
  EXPECT_EQ(completed(cluster, {"pod/a", "--method", "P"}), "POST\nPUT\nPATCH\n:4\n");
  EXPECT_EQ(completed(cluster, {"pod/a", "--by", ""}), "header:\ncookie:\ntrace\n:4\n");
  EXPECT_THAT(completed(cluster, {"--red"}), testing::StartsWith("--redact\t"));
}

TEST(Completion, AsksTheNamespaceTypedBefore) {
  FakeCluster cluster;
  completed(cluster, {"-n", "shop", "--context=c", "pod/"});
  EXPECT_THAT(cluster.calls(),
              testing::HasSubstr(R"(["--context=c", "--namespace=shop", "get", "pod")"));
}

TEST(Completion, IsSilentWithoutKubectl) {
  Process client(MIRROR_BINARY, {"__complete", ""}, {"PATH=/nowhere"});
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out() + client.err(), ":4\n");
}

}  // namespace
}  // namespace dormouse::client
