// kubectl mirror attach and detach, and what is offered for a pod without an agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "client/fresh_token.h"
#include "tests/client/attached_pod.h"
#include "tests/client/local_program.h"

namespace dormouse::client {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;

TEST_F(AttachTest, BringsAnAgentAndMirrorsAtOnce) {
  LocalProgram program;
  Process client(MIRROR_BINARY, {"attach", "pod/web-0", pairTo(program)}, cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  const auto received = program.await(1);
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].bytes, "GET /attached");
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out() << client.err();

  ASSERT_THAT(realPuts(), SizeIs(1));
  const Put put = realPuts()[0];
  EXPECT_EQ(put.path, "/api/v1/namespaces/shop/pods/web-0/ephemeralcontainers");
  EXPECT_EQ(textAt(*put.body, {"metadata", "uid"}), "uid-of-web-0");
  EXPECT_THAT(put.name(), MatchesRegex("dormouse-[0-9a-f]{6}"));
  EXPECT_EQ(put.flag("exit-when-idle"), "30s");
  EXPECT_EQ(put.flag("memory-budget"), "32MiB");
  EXPECT_THAT(put.flag("listen"), MatchesRegex("127\\.0\\.0\\.1:[23][0-9]{4}"));
  EXPECT_THAT(client.out(), AllOf(HasSubstr("pod/web-0: agent " + put.name() + " attached"),
                                  HasSubstr("description stays in the pod until the pod goes"),
                                  HasSubstr("verdict: ")));
  EXPECT_THAT(cluster_.calls(), HasSubstr("\":" + put.flag("listen").substr(10) + "\""));

  // The token: 32 random bytes, that only the agent itself has been told; the spec has its hash.
  const std::string token = lastToken();
  EXPECT_THAT(token, MatchesRegex("[0-9a-f]{64}"));
  EXPECT_EQ(put.flag("token-sha256"), localPrincipal() + "=" + sha256Hex(token));
  EXPECT_THAT(cluster_.calls() + cluster_.read("puts.log") + client.out() + client.err(),
              Not(HasSubstr(token)));
}

TEST_F(AttachTest, TheContainerHasNothingOfTheTargets) {
  pod_.metadata = "";
  addPod();
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  ASSERT_THAT(realPuts(), SizeIs(1));
  const auto container = realPuts()[0].container();
  for (const char* member : {"env", "envFrom", "volumeMounts", "volumeDevices", "resources",
                             "command", "stdin", "targetContainerName"}) {
    EXPECT_FALSE(container->has(member)) << member;
  }
  EXPECT_EQ(booleanAt(*container, {"securityContext", "runAsNonRoot"}), true);
  EXPECT_EQ(booleanAt(*container, {"securityContext", "allowPrivilegeEscalation"}), false);
  EXPECT_EQ(booleanAt(*container, {"securityContext", "readOnlyRootFilesystem"}), true);
}

TEST_F(AttachTest, WithoutPortsSaysWhatIsNextAndWaitsLonger) {
  const Ended attached = run({"attach", "pod/web-0", "-n", "shop"});
  EXPECT_EQ(attached.code, 0) << attached.text;
  EXPECT_THAT(attached.text, AllOf(HasSubstr("kubectl mirror --namespace shop pod/web-0"),
                                   HasSubstr("kubectl mirror --namespace shop detach pod/web-0")));
  EXPECT_EQ(realPuts().at(0).flag("exit-when-idle"), "300s");
}

TEST_F(AttachTest, ItsOwnEndMayBeChosen) {
  EXPECT_EQ(run({"attach", "web-0", "--exit-when-idle", "90s", "--control-port", "4999",
                 "--container", "app"})
                .code,
            3);  // The app's state is not known to be running.
  std::string pod = pod_.text();
  pod.insert(pod.rfind("\"phase\""),
             R"("containerStatuses":[{"name":"app","state":{"running":{}}}],)");
  cluster_.write("pod.web-0.json", pod);
  const Ended attached = run({"attach", "web-0", "--exit-when-idle", "90s", "--control-port",
                              "4999", "--container", "app"});
  EXPECT_EQ(attached.code, 0) << attached.text;
  const Put put = realPuts().at(0);
  EXPECT_EQ(put.flag("exit-when-idle"), "90s");
  EXPECT_EQ(put.flag("listen"), "127.0.0.1:4999");
  EXPECT_EQ(textAt(*put.container(), {"targetContainerName"}), "app");
}

TEST_F(AttachTest, PodSecurityDecidesTheProfileByDryRuns) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  ASSERT_THAT(puts(), SizeIs(2));
  EXPECT_TRUE(puts()[0].dryRun());
  EXPECT_EQ(textListAt(*puts()[1].container(), {"securityContext", "capabilities", "add"}),
            std::vector<std::string>{"NET_RAW"});
  EXPECT_EQ(textListAt(*puts()[1].container(), {"securityContext", "capabilities", "drop"}),
            std::vector<std::string>{"ALL"});
}

TEST_F(AttachTest, WhereBaselineIsEnforcedCapabilitiesAreLeftToTheRuntime) {
  cluster_.write("security", "baseline");
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  ASSERT_THAT(realPuts(), SizeIs(1));
  EXPECT_EQ(objectAt(*realPuts()[0].container(), {"securityContext", "capabilities"}), nullptr);
}

TEST_F(AttachTest, WhereRestrictedIsEnforcedTheOtherWayIsNamed) {
  cluster_.write("security", "restricted");
  const Ended refused = run({"attach", "web-0", "8080"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.text,
              AllOf(HasSubstr("Pod Security forbids the agent as an ephemeral container in the "
                              "namespace shop; a Job on the pod's node is the other way: kubectl "
                              "mirror attach --node pod/web-0"),
                    HasSubstr("violates PodSecurity")));
  EXPECT_THAT(realPuts(), IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(cluster_.state() / "dormouse/agents"));
}

TEST_F(AttachTest, MissingRightsAreNamed) {
  cluster_.write("fail.replace",
                 "Error from server (Forbidden): pods \"web-0\" is forbidden: User \"ana\" cannot "
                 "update resource \"pods/ephemeralcontainers\" in API group \"\" in the namespace "
                 "\"shop\"");
  const Ended refused = run({"attach", "web-0"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.text, AllOf(HasSubstr("you may not add an ephemeral container to pod/web-0"),
                                  HasSubstr("developerRole.ephemeralContainers")));
}

TEST_F(AttachTest, AConflictIsTriedAgainAndOthersContainersStay) {
  std::string pod = pod_.text();
  pod.insert(pod.find("\"containers\""),
             R"("ephemeralContainers":[{"name":"debugger","image":"b\u00fcsy:1","tty":true}],)");
  cluster_.write("pod.web-0.json", pod);
  cluster_.write("conflicts", "3");
  const Ended attached = run({"attach", "web-0"});
  EXPECT_EQ(attached.code, 0) << attached.text;
  ASSERT_THAT(realPuts(), SizeIs(4));
  const auto all = objectsAt(*realPuts()[3].body, {"spec", "ephemeralContainers"});
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(textAt(*all[0], {"name"}), "debugger");
  EXPECT_EQ(textAt(*all[0], {"image"}), "b\u00fcsy:1");
  cluster_.write("conflicts", "999");
  pod_.uid = "another";
  addPod();
  const Ended given = run({"attach", "web-0"});
  EXPECT_EQ(given.code, 3);
  EXPECT_THAT(given.text, HasSubstr("the object has been modified"));
}

TEST_F(AttachTest, AContainerThatDoesNotStartIsExplained) {
  struct Case {
    const char* state;
    const char* sentence;
  };
  for (const Case& wrong :
       {Case{R"({"waiting":{"reason":"ErrImagePull","message":"no such host\u001b[2J"}})",
             "the agent's container does not start (waiting: ErrImagePull, no such host?[2J)"},
        Case{R"({"terminated":{"reason":"Error","message":"cannot start"}})",
             "the agent's container has ended at once (terminated: Error, cannot start)"}}) {
    addPod();
    cluster_.write("ephemeral.state", wrong.state);
    const Ended failed = run({"attach", "web-0"});
    EXPECT_EQ(failed.code, 3);
    EXPECT_THAT(failed.text, HasSubstr(wrong.sentence));
  }
}

TEST_F(AttachTest, APodThatIsReplacedMeanwhileIsNoticed) {
  cluster_.write("ephemeral.state", R"({"waiting":{"reason":"ContainerCreating"}})");
  Process client(MIRROR_BINARY, {"attach", "web-0"}, cluster_.environment());
  const auto put = [this] { return realPuts().size() == 1; };
  for (int i = 0; i < 500 && !put(); ++i) ::usleep(20'000);
  ASSERT_TRUE(put());
  pod_.uid = "its-successor";
  addPod();
  EXPECT_EQ(client.wait(), 3);
  EXPECT_THAT(client.err(), HasSubstr("was replaced or ended while the agent was being attached"));
}

TEST_F(AttachTest, PodsThatDoNotFitAreRefusedBeforeAnythingIsAdded) {
  const std::string whole = pod_.text();
  std::string host = whole;
  host.insert(host.find("\"containers\""), "\"hostNetwork\":true,");
  cluster_.write("pod.web-0.json", host);
  EXPECT_THAT(run({"attach", "web-0"}).text, HasSubstr("has its node's network"));
  pod_.phase = "Pending";
  addPod();
  EXPECT_THAT(run({"attach", "web-0"}).text, HasSubstr("is not running: its phase is Pending"));
  pod_.phase = "Running";
  addPod();
  EXPECT_THAT(run({"attach", "web-0", "--container", "db"}).text, HasSubstr("no container db"));
  EXPECT_THAT(run({"attach", "web-0", "--image", "two words"}).text, HasSubstr("no image"));
  EXPECT_THAT(run({"attach", "web-1"}).text, HasSubstr("not found"));
  EXPECT_THAT(puts(), IsEmpty());
}

TEST_F(AttachTest, APodWithAnAgentGetsNone) {
  pod_ = {};
  addPod();
  LocalProgram program;
  Process client(MIRROR_BINARY, {"attach", "web-0", pairTo(program)}, cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_THAT(client.out(), HasSubstr("pod/web-0 has a mirror agent already: none is attached"));
  EXPECT_EQ(lastToken(), "secret");
  EXPECT_THAT(puts(), IsEmpty());
}

TEST_F(AttachTest, AnAgentThatStillRunsIsUsedAgainByWhoKeptItsToken) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  const std::string token = lastToken();
  const Ended again = run({"attach", "web-0"});
  EXPECT_EQ(again.code, 0) << again.text;
  EXPECT_THAT(again.text, HasSubstr("still runs and is used again"));
  EXPECT_EQ(lastToken(), token);
  EXPECT_THAT(realPuts(), SizeIs(1));
  // Another developer's client has no token for it.
  std::filesystem::remove_all(cluster_.state());
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  EXPECT_THAT(realPuts(), SizeIs(2));
  EXPECT_NE(lastToken(), token);
}

TEST_F(AttachTest, AnAgentThatIsStartingIsNotForgottenByOthers) {
  cluster_.write("ephemeral.state", R"({"waiting":{"reason":"ContainerCreating"}})");
  Process client(MIRROR_BINARY, {"attach", "web-0"}, cluster_.environment());
  for (int i = 0; i < 500 && realPuts().empty(); ++i) ::usleep(20'000);
  ASSERT_THAT(realPuts(), SizeIs(1));
  EXPECT_EQ(run({"list"}).code, 0);
  std::string pod = cluster_.read("pod.web-0.json");
  const std::string waiting = R"({"waiting": {"reason": "ContainerCreating"}})";
  ASSERT_NE(pod.find(waiting), std::string::npos);
  pod.replace(pod.find(waiting), waiting.size(), R"({"running": {}})");
  cluster_.write("pod.web-0.json", pod);
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_THAT(run({"attach", "web-0"}).text, HasSubstr("is used again"));
}

TEST_F(AttachTest, APutWithoutAnAnswerIsLookedAfter) {
  cluster_.write("lost.put", "");  // It is done, and its answer does not come.
  const Ended attached = run({"attach", "web-0"});
  EXPECT_EQ(attached.code, 0) << attached.text;
  EXPECT_THAT(realPuts(), SizeIs(1));
}

TEST_F(AttachTest, StandardInputMayBeClosed) {
  const std::vector<std::string> words = {"-c", "exec \"$0\" attach web-0 <&-", MIRROR_BINARY};
  Process client("/bin/sh", words, cluster_.environment());
  EXPECT_EQ(client.wait(), 0) << client.err();
}

TEST_F(AttachTest, AnAgentThatHasEndedIsForgotten) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  setState(R"({"terminated":{"reason":"Completed"}})");
  EXPECT_EQ(run({"web-0", "8080"}).code, 3);
  EXPECT_TRUE(std::filesystem::is_empty(cluster_.state() / "dormouse/agents"));
  cluster_.remove("ephemeral.state");
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  EXPECT_THAT(realPuts(), SizeIs(2));
}

TEST_F(AttachTest, WhatWasAttachedIsMirroredWithoutFurtherAdo) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  const std::string token = lastToken();
  LocalProgram program;
  Process client(MIRROR_BINARY, {"web-0", pairTo(program)}, cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  EXPECT_THAT(program.await(1), SizeIs(1));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(lastToken(), token);
}

TEST_F(AttachTest, AClientThatIsKilledLeavesNoChild) {
  LocalProgram program;
  Process client(MIRROR_BINARY, {"attach", "web-0", pairTo(program)}, cluster_.environment());
  ASSERT_TRUE(client.awaitOutput("mirror m-")) << client.err();
  client.signal(SIGKILL);
  EXPECT_EQ(client.wait(), 128 + SIGKILL);
  for (const pid_t pid : cluster_.forwards()) EXPECT_TRUE(awaitEnd(pid));
}

TEST_F(AttachTest, TheImageIsTheAdmins) {
  const auto imageOf = [this](const std::vector<std::string>& more) {
    std::filesystem::remove_all(cluster_.state());
    cluster_.remove("puts.log");
    std::vector<std::string> words = {"attach", "web-0"};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run(words).code, 0);
    return textAt(*realPuts().at(0).container(), {"image"}).value_or("");
  };
  EXPECT_EQ(imageOf({}),
            "docker.io/library/dormouse-sidecar:" + run({"--version"}).text.substr(15, 5));
  // A pod that says it was injected is anybody's word.
  PodText injected{"web-9", "uid-9"};
  std::string text = injected.text();
  text.insert(text.find(R"("restartPolicy")"), R"("image":"evil.example/dormouse-sidecar:7",)");
  cluster_.write("pod.web-9.json", text);
  EXPECT_THAT(imageOf({}), Not(HasSubstr("evil")));
  std::string secret = secretText(R"("developer":"c2VjcmV0")");
  secret.insert(secret.find(R"("name")"),
                R"("annotations":{"dormouse.dev/sidecar-image":"reg.example/d@sha256:1"},)");
  cluster_.write("secret.dormouse.json", secret);
  EXPECT_EQ(imageOf({}), "reg.example/d@sha256:1");
  EXPECT_EQ(imageOf({"--image", "mine:1"}), "mine:1");
}

TEST_F(AttachTest, WithoutAnAgentTheWaysThatAreOpenAreOffered) {
  Ended refused = run({"web-0", "8080:3000", "-n", "shop"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.text, AllOf(HasSubstr("has no mirror agent: it was not injected"),
                                  HasSubstr("No other way is open to you")));
  cluster_.write("allowed", "update pods/web-0\n");
  refused = run({"web-0", "8080:3000", "-n", "shop"});
  EXPECT_THAT(refused.text,
              AllOf(HasSubstr("\n  kubectl mirror attach pod/web-0 8080:3000 --namespace shop\n"),
                    Not(HasSubstr("--node"))));
  cluster_.write("allowed", "update pods/web-0\ncreate jobs.batch\n");
  refused = run({"pcap", "web-0", "8080"});
  EXPECT_THAT(refused.text, AllOf(HasSubstr("\n  kubectl mirror attach pod/web-0\n"),
                                  HasSubstr("\n  kubectl mirror attach --node pod/web-0\n")));
  EXPECT_THAT(cluster_.calls(), AllOf(HasSubstr(R"("--subresource=ephemeralcontainers")"),
                                      HasSubstr(R"("jobs.batch", "--namespace=dormouse-node")")));
  EXPECT_THAT(puts(), IsEmpty());
}

TEST_F(AttachTest, DetachEndsTheDevelopersMirrors) {
  Ended detached = run({"detach", "web-0"});
  EXPECT_EQ(detached.code, 3);
  EXPECT_THAT(detached.text, HasSubstr("no agent runs there"));
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  const std::string token = lastToken();
  detached = run({"detach", "web-0"});
  EXPECT_EQ(detached.code, 0) << detached.text;
  EXPECT_THAT(detached.text, AllOf(HasSubstr("2 mirrors of yours have ended"),
                                   HasSubstr("the agent ends by itself"),
                                   HasSubstr("an ephemeral container cannot be removed")));
  EXPECT_TRUE(agent_.sidecar().calls().back().starts_with("DELETE /v1/mirrors "));
  EXPECT_EQ(lastToken(), token);
}

TEST_F(AttachTest, DetachTellsEveryAgentThatItCan) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  cluster_.write("fail.port-forward", "error: unable to forward port");
  const Ended detached = run({"detach", "web-0"});
  EXPECT_EQ(detached.code, 3);
  EXPECT_THAT(detached.text,
              AllOf(HasSubstr("unable to forward port"), HasSubstr("the agent ends by itself")));
}

TEST_F(AttachTest, DetachLeavesAnInjectedAgentAsleep) {
  pod_ = {};
  addPod();
  const Ended detached = run({"detach", "pod/web-0"});
  EXPECT_EQ(detached.code, 0) << detached.text;
  EXPECT_THAT(detached.text,
              HasSubstr("2 mirrors of yours have ended; the agent goes on sleeping"));
  EXPECT_EQ(lastToken(), "secret");
}

}  // namespace
}  // namespace dormouse::client
