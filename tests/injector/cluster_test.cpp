// What is read from and written to the API server, but for certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "injector/missed_pods.h"
#include "injector/native_sidecars.h"
#include "injector/periodic.h"
#include "injector/self_test.h"
#include "injector/token_secrets.h"
#include "tests/injector/support/fake_cluster.h"
#include "tests/injector/support/pods.h"
#include "tests/support/capture_log.h"

namespace dormouse::injector {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(TokenSecretsTest, FillsEmptyOnesAndLeavesOthersAlone) {
  FakeCluster cluster;
  cluster.secrets["web/dormouse"];
  cluster.secrets["shop/dormouse"].data = {{"ana", "secret"}};
  cluster.secrets["ci/dormouse"].data = {{"ana", ""}};
  test::CaptureLog log;
  TokenSecrets tokens({{"web", "dormouse"}, {"shop", "dormouse"}, {"ci", "dormouse"}}, cluster,
                      log.log);
  EXPECT_TRUE(tokens.step());
  const std::string token = cluster.secrets["web/dormouse"].data.at("developer");
  EXPECT_EQ(token.size(), 43U);
  EXPECT_EQ(
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  EXPECT_EQ(cluster.secrets["shop/dormouse"].data.size(), 1U);
  EXPECT_EQ(cluster.secrets["ci/dormouse"].data.size(), 2U);
  EXPECT_NE(cluster.secrets["ci/dormouse"].data.at("developer"), token);
  EXPECT_EQ(log.text().find(token), std::string::npos);
  EXPECT_TRUE(tokens.step());
  EXPECT_EQ(cluster.count("PUT"), 2U);
}

TEST(TokenSecretsTest, OneThatFailsDoesNotStopTheOthers) {
  FakeCluster cluster;
  cluster.secrets["web/dormouse"];
  test::CaptureLog log;
  TokenSecrets tokens({{"gone", "dormouse"}, {"web", "dormouse"}}, cluster, log.log);
  EXPECT_FALSE(tokens.step());
  EXPECT_FALSE(log.linesWith("gone/dormouse").empty());
  EXPECT_EQ(cluster.secrets["web/dormouse"].data.size(), 1U);
}

TEST(TokenSecretsTest, AnotherReplicaMayBeFaster) {
  FakeCluster cluster;
  cluster.secrets["web/dormouse"];
  cluster.before = [&](const ApiRequest& request) {
    if (request.method == "PUT") cluster.secrets["web/dormouse"] = {9, {{"developer", "theirs"}}};
  };
  test::CaptureLog log;
  TokenSecrets tokens({{"web", "dormouse"}}, cluster, log.log);
  EXPECT_TRUE(tokens.step());
  EXPECT_EQ(cluster.secrets["web/dormouse"].data.at("developer"), "theirs");
}

TEST(TokenSecretsTest, NamesAreChecked) {
  EXPECT_EQ(parseSecretName("web/dormouse").space, "web");
  for (const char* text :
       {"", "web", "/x", "x/", "a/b/c", "../x", "a/..", "A/b", "a b/c", "a/b?c"}) {
    EXPECT_THROW(parseSecretName(text), std::invalid_argument) << text;
  }
}

TEST(NativeSidecarsTest, AskTheVersion) {
  const std::pair<const char*, bool> kVersions[] = {{R"({"major":"1","minor":"28"})", false},
                                                    {R"({"major":"1","minor":"29"})", true},
                                                    {R"({"major":"1","minor":"33+"})", true},
                                                    {R"({"major":"2","minor":"0"})", true}};
  for (const auto& [answer, expected] : kVersions) {
    FakeCluster cluster;
    cluster.versionAnswer = answer;
    test::CaptureLog log;
    NativeSidecars native(NativeChoice::kAuto, &cluster, log.log);
    EXPECT_FALSE(native.asked());
    EXPECT_TRUE(native.step());
    EXPECT_EQ(native.supported(), expected) << answer;
  }
}

TEST(NativeSidecarsTest, WithoutAnAnswerThereAreNone) {
  FakeCluster cluster;
  test::CaptureLog log;
  for (const char* answer :
       {"", "{}", R"({"major":"x","minor":"1"})", R"({"major":1,"minor":29})"}) {
    cluster.versionAnswer = answer;
    NativeSidecars native(NativeChoice::kAuto, &cluster, log.log);
    EXPECT_FALSE(native.step()) << answer;
    EXPECT_FALSE(native.supported());
    EXPECT_TRUE(native.asked());
  }
  EXPECT_TRUE(NativeSidecars(NativeChoice::kAlways, nullptr, log.log).supported());
  EXPECT_FALSE(NativeSidecars(NativeChoice::kNever, &cluster, log.log).supported());
  EXPECT_FALSE(NativeSidecars(NativeChoice::kAuto, nullptr, log.log).supported());
}

TEST(MissedPodsTest, CountsThePodsThatRunWithoutTheAgent) {
  FakeCluster cluster;
  cluster.answers["/api/v1/namespaces?labelSelector=dormouse.dev%2Finjection%3Denabled&limit=100"] =
      R"({"items":[{"metadata":{"name":"web"}},{"metadata":{"name":"kube-system"}},{"metadata":{"name":"own"}}]})";
  const std::string pods =
      "/api/v1/namespaces/web/pods?labelSelector=dormouse.dev%2Finject%3Dtrue&limit=100";
  cluster.answers[pods] =
      R"({"metadata":{"continue":"a+b/c="},"items":[{"spec":{"containers":[{"name":"app"}]}},)"
      R"({"spec":{"containers":[{"name":"app"}]},"status":{"phase":"Succeeded"}}]})";
  cluster.answers[pods + "&continue=a%2Bb%2Fc%3D"] =
      R"({"items":[{"spec":{"initContainers":[{"name":"dormouse"}]}},{"spec":{}}]})";
  test::CaptureLog log;
  SelectionSettings selection;
  selection.ownNamespace = "own";
  MissedPods missed(selection, cluster, log.log);
  EXPECT_EQ(missed.count(), -1);
  EXPECT_TRUE(missed.step()) << log.text();
  EXPECT_EQ(missed.count(), 2);
  cluster.before = [](const ApiRequest&) { throw ApiError(403, "pods are forbidden"); };
  EXPECT_FALSE(missed.step());
  EXPECT_EQ(missed.count(), 2);
}

TEST(SelfTestTest, WaitsForTheContainer) {
  FakeCluster cluster;
  ManualClock clock;
  const std::string path = "/api/v1/namespaces/t/pods?dryRun=All";
  int tries = 0;
  cluster.before = [&](const ApiRequest& request) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_NE(Pod(parseObject(request.body)).label(kInjectLabel), nullptr);
    if (++tries == 1) throw ApiError(403, "not yet");
    cluster.answers[path] =
        tries < 4 ? labelledPod() : R"({"spec":{"initContainers":[{"name":"dormouse"}]}})";
  };
  const auto pause = [&] { clock.advance(seconds(1)); };
  EXPECT_EQ(runSelfTest({"t", "image", seconds(60)}, cluster, clock, pause), "");
  EXPECT_EQ(tries, 4);
}

TEST(SelfTestTest, SaysWhyThereIsNone) {
  FakeCluster cluster;
  ManualClock clock;
  const auto pause = [&] { clock.advance(seconds(1)); };
  cluster.answers["/api/v1/namespaces/t/pods?dryRun=All"] =
      labelledPod("", R"({"dormouse.dev/status":"{\"skipped\":\"restricted\"}"})");
  const std::string cause = runSelfTest({"t", "image", seconds(5)}, cluster, clock, pause);
  EXPECT_THAT(cause, HasSubstr("restricted"));
  EXPECT_EQ(cluster.calls.size(), 6U);
  EXPECT_THAT(runSelfTest({"other", "image", seconds(1)}, cluster, clock, pause),
              HasSubstr("not there"));
}

TEST(PeriodicTest, BacksOffUpToTheInterval) {
  EXPECT_EQ(pauseAfter(0, seconds(15)), seconds(15));
  EXPECT_EQ(pauseAfter(1, seconds(15)), seconds(1));
  EXPECT_EQ(pauseAfter(3, seconds(15)), seconds(4));
  EXPECT_EQ(pauseAfter(5, seconds(15)), seconds(15));
  EXPECT_EQ(pauseAfter(1000, seconds(15)), seconds(15));
}

}  // namespace
}  // namespace dormouse::injector
