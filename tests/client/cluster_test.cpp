// What is read out of the cluster's objects and of kubectl's words.
#include "client/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/json_splitter.h"
#include "client/kubectl.h"
#include "client/pod_endpoint.h"
#include "client/pod_watch.h"
#include "client/pods.h"
#include "client/port_forward.h"
#include "client/tally.h"
#include "client/target.h"
#include "client/token_secret.h"
#include "tests/client/cluster_objects.h"
#include "tests/support/temp_dir.h"

namespace dormouse::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Pod podOf(const PodText& text) {
  return podFromJson(*objectFromText(text.text()));
}

template <typename Error, typename Call>
std::string sentenceFrom(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string whyNot(const PodText& text, const AgentWish& wish = {}) {
  return sentenceFrom<ObjectError>([&] { controlPortOf(podOf(text), wish, "--namespace shop "); });
}

TEST(Pod, IsReadWithItsContainersAndPorts) {
  const Pod pod = podOf({});
  EXPECT_EQ(pod.name, "web-0");
  EXPECT_EQ(pod.nameSpace, "shop");
  EXPECT_TRUE(pod.running());
  ASSERT_NE(pod.container("dormouse"), nullptr);
  EXPECT_EQ(pod.container("dormouse")->state, "running");
  ASSERT_NE(pod.container("app"), nullptr);
  EXPECT_THAT(pod.container("app")->ports, ElementsAre(8080, 9090));
  EXPECT_EQ(pod.container("app")->namedPorts.at("http"), 8080);
}

TEST(Pod, ThatIsNoneIsRefused) {
  for (const char* text :
       {"[]", "{}", "{\"kind\":\"Pod\"}", "{\"kind\":\"Pod\",\"metadata\":{\"name\":7}}",
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"-rf\",\"namespace\":\"a\"}}",
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a b\",\"namespace\":\"a\"}}",
        "{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\",\"namespace\":\"a\"}}"}) {
    EXPECT_THROW(podFromJson(*objectFromText(text)), ObjectError) << text;
  }
  // Members of a wrong type are as if they were not there.
  const auto odd = objectFromText(
      R"({"kind":"Pod","metadata":{"name":"a","namespace":"b","labels":[1],"annotations":"x"},)"
      R"("spec":{"containers":{"name":"x"},"initContainers":[1,null,{"name":5,)"
      R"("ports":[{"containerPort":70000},{"containerPort":"80"}]}]},"status":[]})");
  const Pod pod = podFromJson(*odd);
  EXPECT_EQ(pod.phase, "Unknown");
  ASSERT_EQ(pod.containers.size(), 1U);
  EXPECT_TRUE(pod.containers[0].ports.empty());
}

TEST(ControlPort, IsTheAnnotationsThenTheDevelopersThenTheUsual) {
  PodText text;
  EXPECT_EQ(controlPortOf(podOf(text), {}, ""), 4747);
  text.status = R"({\"controlPort\":5001})";
  EXPECT_EQ(controlPortOf(podOf(text), {}, ""), 5001);
  EXPECT_EQ(controlPortOf(podOf(text), {"", 6000}, ""), 6000);
  text.status = R"({\"version\":\"9\"})";
  EXPECT_EQ(controlPortOf(podOf(text), {}, ""), 4747);
  text.annotated = false;  // Put in by hand, under the usual name or another one.
  EXPECT_EQ(controlPortOf(podOf(text), {}, ""), 4747);
  EXPECT_EQ(controlPortOf(podOf(text), {"app", 0}, ""), 4747);
  text.withAgent = false;
  EXPECT_EQ(controlPortOf(podOf(text), {"", 7000}, ""), 7000);
}

TEST(ControlPort, AnAbsentAgentIsExplained) {
  PodText text;
  text.annotated = text.withAgent = false;
  EXPECT_THAT(whyNot(text),
              AllOf(HasSubstr("pod/web-0 has no mirror agent: it was not injected"),
                    HasSubstr("Its label dormouse.dev/inject is true"),
                    HasSubstr("kubectl --namespace shop get namespace shop --show-labels")));
  EXPECT_THAT(whyNot(text, {"sidecar", 0}), HasSubstr("has no container sidecar"));
  text.annotated = true;
  text.status = R"({\"skipped\":\"restricted\"})";
  EXPECT_THAT(whyNot(text), HasSubstr("its namespace shop enforces the Pod Security level "
                                      "restricted"));
  text.status = R"({\"skipped\":\"host\\u001b[31mNetwork\"})";
  EXPECT_THAT(whyNot(text), AllOf(HasSubstr("the injector skipped it"), Not(HasSubstr("\x1b"))));
}

TEST(ControlPort, AnAgentThatDoesNotRunIsExplained) {
  PodText text;
  text.phase = "Pending";
  EXPECT_THAT(whyNot(text), HasSubstr("is not running: its phase is Pending"));
  text = {};
  text.metadata = R"("deletionTimestamp":"2026-01-01T00:00:00Z",)";
  EXPECT_THAT(whyNot(text), HasSubstr("is being deleted"));
  text = {};
  text.agentState = R"({"waiting":{"reason":"CrashLoopBackOff"}})";
  EXPECT_THAT(whyNot(text), HasSubstr("container dormouse is not running (waiting: "
                                      "CrashLoopBackOff)"));
  text = {};
  for (const char* status : {"no json", R"({\"controlPort\":0})", R"({\"controlPort\":\"4747\"})",
                             R"({\"controlPort\":65536})", "[1]"}) {
    text.status = status;
    EXPECT_THAT(whyNot(text), HasSubstr("its annotation dormouse.dev/status")) << status;
  }
}

TEST(Target, IsAKindAndAName) {
  EXPECT_EQ(parseTarget("web-0").text(), "pod/web-0");
  EXPECT_EQ(parseTarget("deployment/web").text(), "deploy/web");
  EXPECT_EQ(parseTarget("statefulsets/db").text(), "sts/db");
  EXPECT_EQ(parseTarget("svc/web.v1").text(), "svc/web.v1");
  for (const char* wrong : {"", "/", "node/x", "pod/", "/x", "pod/--all", "pod/a/b", "pod/A",
                            "deploy/x y", "pod/x;y", "pod/-x"}) {
    EXPECT_THROW(parseTarget(wrong), std::invalid_argument) << wrong;
  }
}

std::string selector(const std::string& target, const std::string& spec) {
  return selectorOf(parseTarget(target), *objectFromText("{\"spec\":{\"selector\":" + spec + "}}"));
}

TEST(Selector, HasLabelsAndExpressions) {
  EXPECT_EQ(selector("deploy/web", R"({"matchLabels":{"app":"web","example.org/tier":""}})"),
            "app=web,example.org/tier=");
  EXPECT_EQ(selector("svc/web", R"({"app":"web"})"), "app=web");
  EXPECT_EQ(selector("ds/x", R"({"matchLabels":{"a":"b"},"matchExpressions":[)"
                             R"({"key":"k","operator":"In","values":["v","w"]},)"
                             R"({"key":"l","operator":"NotIn","values":["x"]},)"
                             R"({"key":"m","operator":"Exists"},)"
                             R"({"key":"n","operator":"DoesNotExist"}]})"),
            "a=b,k in (v,w),l notin (x),m,!n");
}

TEST(Selector, ThatSelectsNothingOrOddThingsIsRefused) {
  EXPECT_THROW(selector("svc/web", "null"), ObjectError);
  EXPECT_THROW(selector("svc/web", "{}"), ObjectError);
  EXPECT_THROW(selector("deploy/web", R"({"app":"web"})"), ObjectError);
  EXPECT_THROW(selector("svc/web", R"({"app":"a,b=c"})"), ObjectError);
  EXPECT_THROW(selector("svc/web", R"({"--all":"x"})"), ObjectError);
  EXPECT_THROW(selector("deploy/web", R"({"matchExpressions":[{"key":"k","operator":"Like"}]})"),
               ObjectError);
}

std::string token(const std::string& data, const std::string& as = "") {
  return tokenFromSecret(*objectFromText(secretText(data)), as);
}

TEST(Secret, GivesTheOnlyTokenOrDevelopersOrTheOneAskedFor) {
  EXPECT_EQ(token(R"("ana":"c2VjcmV0")"), "secret");
  EXPECT_EQ(token(R"("ana":"c2VjcmV0","developer":"b3RoZXIK")"), "other");  // "other\n"
  EXPECT_EQ(token(R"("ana":"c2VjcmV0","developer":"b3RoZXI=")", "ana"), "secret");
  EXPECT_EQ(token(R"("..data":"c2VjcmV0","empty":"","ben":"YmVu")"), "ben");
}

TEST(Secret, SaysWhatIsWrongAndNeverAValue) {
  const auto why = [](const std::string& data, const std::string& as = "") {
    return sentenceFrom<ObjectError>([&] { token(data, as); });
  };
  EXPECT_THAT(why(""), HasSubstr("the Secret dormouse holds no token yet"));
  EXPECT_THAT(why(R"("ana":"c2VjcmV0","ben":"c2VjcmV0")"),
              AllOf(HasSubstr("--as NAME chooses one of: ana, ben"), Not(HasSubstr("c2VjcmV0"))));
  EXPECT_THAT(why(R"("ana":"c2VjcmV0")", "eve"), HasSubstr("no token of eve"));
  EXPECT_THAT(why(R"("ana":"a b c \n")"), HasSubstr("value of ana"));
  EXPECT_THAT(why(R"("ana":"c2VjIHJldA==")"),  // "sec ret"
              AllOf(HasSubstr("is not a token"), Not(HasSubstr("sec"))));
  EXPECT_THAT(why("\"ana\":\"" + std::string(20'000, 'A') + "\""), HasSubstr("is not a token"));
  EXPECT_THROW(tokenFromSecret(*objectFromText(PodText{}.text()), ""), ObjectError);
}

TEST(PortForward, AnnouncesItsPort) {
  EXPECT_EQ(forwardedPort("Forwarding from 127.0.0.1:40123 -> 4747", 4747), 40123);
  for (const char* line :
       {"", "Forwarding from [::1]:40123 -> 4747", "Forwarding from 127.0.0.1:40123 -> 4748",
        "Forwarding from 127.0.0.1:99999 -> 4747", "Forwarding from 127.0.0.1: -> 4747",
        "Forwarding from 127.0.0.1:40123 -> 47477", "Forwarding from 127.0.0.1:40123",
        "Forwarding from 10.0.0.1:40123 -> 4747", "Handling connection for 40123"}) {
    EXPECT_EQ(forwardedPort(line, 4747), 0) << line;
  }
}

TEST(Kubectl, PassesOptionsAsWholeArguments) {
  const Kubectl kubectl({"/bin/true", "shop", "my context; x", "/a b/config"}, "");
  EXPECT_THAT(kubectl.command({"get", "pods"}),
              ElementsAre("/bin/true", "--kubeconfig=/a b/config", "--context=my context; x",
                          "--namespace=shop", "get", "pods"));
  EXPECT_THROW(Kubectl({"no-such-program", "", "", ""}, "/bin:/usr/bin"), ClusterError);
  EXPECT_THROW(Kubectl({"/etc/passwd", "", "", ""}, ""), ClusterError);
  EXPECT_EQ(Kubectl({"true", "", "", ""}, "/nowhere::/bin").command({})[0], "/bin/true");
}

TEST(Kubectl, IsQuotedWithoutItsLogLines) {
  EXPECT_EQ(sentenceOf("E1123 14:03:29.003909    9500 memcache.go:265] \"Unhandled Error\"\n"
                       "The connection to the server localhost:8080 was refused\n"),
            "The connection to the server localhost:8080 was refused");
  EXPECT_EQ(sentenceOf("Error from server (NotFound): pods \"x\" not found\n"),
            "pods \"x\" not found");
  EXPECT_EQ(sentenceOf("error: lost connection to pod\r\n\n"), "lost connection to pod");
  EXPECT_EQ(sentenceOf("E1123 14:03:29 only a log line"), "E1123 14:03:29 only a log line");
  EXPECT_EQ(sentenceOf("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(sentenceOf(""), "");
}

TEST(Kubectl, IsForbiddenWhatTheApiServerRefuses) {
  EXPECT_TRUE(isForbidden("Error from server (Forbidden): pods \"x\" is forbidden\n"));
  EXPECT_TRUE(
      isForbidden("error: error upgrading connection: pods \"x\" is forbidden: User \"eve\" "
                  "cannot create resource \"pods/portforward\"\n"));
  EXPECT_FALSE(isForbidden("error: lost connection to pod\n"));
}

TEST(JsonSplitter, FindsObjectsHoweverTheyArriveCut) {
  const std::string one = R"({"a": "}\"{\\", "b": [{"c": {}}]})";
  const std::string two = "{}";
  const std::string all = " \n" + one + "\r\n" + two + two + "\t";
  for (std::size_t chunk = 1; chunk <= all.size(); ++chunk) {
    JsonSplitter splitter(one.size());
    std::vector<std::string> found;
    for (std::size_t at = 0; at < all.size(); at += chunk) {
      for (auto& object : splitter.feed(std::string_view(all).substr(at, chunk))) {
        found.push_back(std::move(object));
      }
    }
    EXPECT_THAT(found, ElementsAre(one, two, two)) << "in pieces of " << chunk;
  }
}

TEST(JsonSplitter, RefusesOtherTextAndEndlessObjects) {
  EXPECT_THROW(JsonSplitter(100).feed("No resources found"), std::invalid_argument);
  EXPECT_THROW(JsonSplitter(100).feed("{}]"), std::invalid_argument);
  JsonSplitter splitter(10);
  splitter.feed("{\"aaaaaaa\"");
  EXPECT_THROW(splitter.feed(":1}"), std::invalid_argument);
}

TEST(PodEvent, IsAChangeOfAPod) {
  const std::string pod = PodText{}.text();
  EXPECT_FALSE(podEventFromText(R"({"type":"ADDED","object":)" + pod + "}").deleted);
  EXPECT_TRUE(podEventFromText(R"({"type":"DELETED","object":)" + pod + "}").deleted);
  EXPECT_THROW(podEventFromText(R"({"type":"ERROR","object":)" + pod + "}"), ObjectError);
  EXPECT_THROW(podEventFromText(R"({"type":"ADDED","object":{"kind":"Status"}})"), ObjectError);
  EXPECT_THROW(podEventFromText(R"({"type":"ADDED"})"), ObjectError);
}

Arguments portsAsked(std::vector<PortPair> pairs) {
  Arguments arguments;
  for (const PortPair& pair : pairs) arguments.spec.ports.push_back(pair.remote);
  arguments.pairs = std::move(pairs);
  return arguments;
}

TEST(ServicePorts, BecomeThePods) {
  ChosenPods chosen;
  chosen.ports = {{80, 8080}, {443, 8443}};
  Arguments arguments = portsAsked({{80, 3000}, {9090, 4000}});
  usePodPorts(arguments, chosen);
  EXPECT_EQ(arguments.pairs[0].remote, 8080);
  EXPECT_EQ(arguments.pairs[0].local, 3000);
  EXPECT_THAT(arguments.spec.ports, ElementsAre(8080, 9090));
  Arguments twice = portsAsked({{80, 3000}, {8080, 4000}});
  EXPECT_THROW(usePodPorts(twice, chosen), UsageError);
}

TEST(ServicePorts, MayBeCalledAsOtherPortsOfThePods) {
  ChosenPods chosen;
  chosen.ports = {{80, 8080}, {8080, 9090}};
  Arguments arguments = portsAsked({{80, 3000}, {8080, 4000}});
  usePodPorts(arguments, chosen);
  EXPECT_EQ(arguments.pairs[0].remote, 8080);
  EXPECT_EQ(arguments.pairs[1].remote, 9090);
  EXPECT_THAT(arguments.spec.ports, ElementsAre(8080, 9090));
}

TEST(Tally, AddsResponsesWhereThereAreSome) {
  Tally without;
  Tally with;
  with.ledger.responses.emplace();
  with.ledger.responses->seen = with.ledger.responses->delivered = 2;
  with.ledger.responses->skip(Reason::kUnanswered);
  without.add(Tally());
  EXPECT_FALSE(without.ledger.responses);
  without.add(with);
  without.add(with);
  ASSERT_TRUE(without.ledger.responses);
  EXPECT_EQ(without.ledger.responses->seen, 6U);
  EXPECT_EQ(without.ledger.responses->delivered, 4U);
  EXPECT_TRUE(without.ledger.balances());
}

TEST(Printable, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(printable("\x1b[2J\r\n\x7f"), "?[2J???");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J\xc2\x80\xc2\x9f"),
            "??2J????");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xc4\x9b \xc2\xa0\xe2\x82\xac"),
            "gr\xc3\xbc\xc3\x9f \xc4\x9b \xc2\xa0\xe2\x82\xac");
  EXPECT_EQ(printable("ab\xc2\x9b", 3), "ab\xc2") << "half a character is none";
}

TEST(Tally, SaysWhatIsKnownAndWhatIsNot) {
  Tally one;
  one.mirrors = 1;
  one.ledger.connections.seen = one.ledger.connections.delivered = 3;
  one.ledger.connections.skip(Reason::kEmpty, 2);
  one.local.connections.seen = one.local.connections.delivered = 3;
  EXPECT_TRUE(one.complete());
  EXPECT_EQ(one.verdict(""), "3 of 3 connections delivered");
  Tally sum = one;
  sum.add(one);
  EXPECT_EQ(sum.verdict("2 pods"), "6 of 6 connections delivered from 2 pods");
  Tally away = one;
  away.interruptions = 1;
  away.away = std::chrono::milliseconds(75'400);
  EXPECT_FALSE(away.complete());
  EXPECT_EQ(away.verdict(""),
            "3 of 3 connections delivered; not mirrored for 1 min 15 s in 1 interruption");
  // What the sidecar delivered and the connection lost is not delivered.
  Tally lost = one;
  lost.local.connections = {};
  lost.local.connections.skip(Reason::kMirrorEnded);
  EXPECT_FALSE(lost.complete());
  EXPECT_EQ(lost.verdict(""), "0 of 3 connections delivered");
  Tally unknown = one;
  unknown.unaccounted = 1;
  EXPECT_FALSE(unknown.complete());
  EXPECT_THAT(unknown.verdict(""), HasSubstr("the ledger of 1 mirror is lost"));
}

// A kubectl that never answers, and says nothing.
class Hanging : public testing::Test {
 protected:
  Hanging() {
    directory_.write("kubectl", "#!/bin/sh\nexec sleep 60\n");
    std::filesystem::permissions(directory_.path() / "kubectl", std::filesystem::perms::owner_all);
  }

  test::TempDir directory_;
  EventLoop loop_;
  ManualClock clock_;
};

TEST_F(Hanging, IsNotWaitedForEndlessly) {
  const Kubectl kubectl({(directory_.path() / "kubectl").string(), "", "", ""}, "");
  const Cluster cluster(
      kubectl, loop_, clock_,
      [this] {
        clock_.advance(std::chrono::minutes(1));
        return false;
      },
      [](const std::string&) {});
  EXPECT_THAT(sentenceFrom<ClusterError>([&] { cluster.call({"get", "pods"}); }),
              AllOf(HasSubstr("kubectl get does not end"), HasSubstr("log-in")));
}

TEST_F(Hanging, EndsTheWayToAPod) {
  const Kubectl kubectl({(directory_.path() / "kubectl").string(), "", "", ""}, "");
  PodEndpoint endpoint(podOf({}), {}, "secret", kubectl, loop_, clock_);
  for (const char* trouble : {"port-forward does not come to listen", "get pod does not answer"}) {
    endpoint.open();
    endpoint.tend();
    clock_.advance(std::chrono::seconds(59));
    endpoint.tend();
    EXPECT_EQ(endpoint.state(), Endpoint::State::kOpening);
    clock_.advance(std::chrono::seconds(1));
    endpoint.tend();
    EXPECT_EQ(endpoint.state(), Endpoint::State::kFailed);
    EXPECT_THAT(endpoint.trouble(), HasSubstr(trouble));
  }
}

TEST(PodWatch, TellsWhereANewListBegins) {
  test::TempDir directory;
  std::string event = R"({"type":"ADDED","object":)" + PodText{}.text() + "}";
  directory.write("event", event + event);
  directory.write("kubectl", "#!/bin/sh\ncat " + (directory.path() / "event").string() + "\n");
  std::filesystem::permissions(directory.path() / "kubectl", std::filesystem::perms::owner_all);
  const Kubectl kubectl({(directory.path() / "kubectl").string(), "", "", ""}, "");
  EventLoop loop;
  ManualClock clock;
  PodWatch watch(kubectl, "app=web", loop, clock, [](const std::string&) {});
  std::vector<bool> firsts;
  for (int i = 0; i < 1000 && firsts.size() < 4; ++i) {
    watch.tend();
    loop.poll(clock.now() + std::chrono::milliseconds(10), clock);
    clock.advance(std::chrono::milliseconds(10));
    for (const PodEvent& found : watch.take()) firsts.push_back(found.first);
  }
  EXPECT_THAT(firsts, ElementsAre(true, false, true, false));
}

}  // namespace
}  // namespace dormouse::client
