// kubectl mirror list: who is awake where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "client/agent_list.h"
#include "tests/client/attached_pod.h"

namespace dormouse::client {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr const char* kAwake =
    R"({"state":"awake","version":"0.1.0","uptime_seconds":1,"mirrors":[{"id":"m-1","owner":"ana",)"
    R"("state":"active","ports":[8080,9090],"format":"frames","started":"2026-01-01T00:00:00Z",)"
    R"("expires":"2026-01-01T00:30:00Z"}]})";

class ListTest : public AttachTest {
 protected:
  void addInjected(const std::string& name) {
    cluster_.addPod({name, "uid-of-" + name}, agent_.port());
  }
};

TEST_F(ListTest, ShowsInjectedAndAttachedAgents) {
  addInjected("api-0");
  PodText pending{"api-1", "uid-of-api-1", "Pending"};
  cluster_.addPod(pending, agent_.port());
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  status_ = kAwake;
  const Ended listed = run({"list"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_EQ(listed.text,
            "POD    WAY        STATE  OWNER  PORTS      TO      EXPIRES\n"
            "api-0  injected   awake  ana    8080,9090  frames  2026-01-01T00:30:00Z\n"
            "web-0  ephemeral  awake  ana    8080,9090  frames  2026-01-01T00:30:00Z\n");
  const Ended json = run({"list", "--output", "json"});
  const auto agents = objectsAt(*objectFromText(json.text), {"agents"});
  ASSERT_THAT(agents, SizeIs(2));
  EXPECT_EQ(textAt(*agents[1], {"way"}), "ephemeral");
  EXPECT_EQ(textAt(*agents[1], {"agent"}), realPuts().at(0).name());
  EXPECT_EQ(textAt(*objectsAt(*agents[0], {"mirrors"}).at(0), {"owner"}), "ana");
}

TEST_F(ListTest, SaysWhyAnAgentIsNotKnown) {
  EXPECT_EQ(run({"attach", "web-0"}).code, 0);
  std::filesystem::remove_all(cluster_.state());
  addInjected("api-0");
  PodText crashed{"api-1", "uid-of-api-1"};
  crashed.agentState = R"({"waiting":{"reason":"CrashLoopBackOff"}})";
  cluster_.addPod(crashed, agent_.port());
  cluster_.remove("secret.dormouse.json");
  const Ended listed = run({"list"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.text,
              AllOf(HasSubstr("api-0  injected   unknown: no token: "),
                    HasSubstr("api-1  injected   unknown: pod/api-1: the agent's "),
                    HasSubstr("web-0  ephemeral  unknown: attached by somebody else")));
}

TEST_F(ListTest, OfNothingSaysSo) {
  EXPECT_EQ(run({"list"}).text, "no agent runs in this namespace\n");
  cluster_.write("fail.get", "Error from server (Forbidden): pods is forbidden: no");
  EXPECT_EQ(run({"list"}).code, 3);
}

TEST_F(ListTest, AsksManyButFewAtATime) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  FakeSidecar busy;
  busy.on("GET /v1/status", [&](Call& call) {
    const int mine = ++now;
    for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
    }
    ::usleep(30'000);  // So that those that may come together do.
    --now;
    call.answer(200, kAsleep);
  });
  for (int i = 10; i < 34; ++i) {
    const std::string name = "api-" + std::to_string(i);
    cluster_.addPod({name, "uid-of-" + name}, portOf(busy));
  }
  const Ended listed = run({"list"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_EQ(std::count(listed.text.begin(), listed.text.end(), '\n'), 25) << listed.text;
  EXPECT_THAT(listed.text, Not(HasSubstr("unknown")));
  EXPECT_LE(most, 8);
}

TEST(AgentState, IsReadStrictly) {
  EXPECT_TRUE(parseAgentState(kAwake).awake);
  EXPECT_EQ(parseAgentState(kAwake).mirrors.at(0).ports, (std::vector<std::uint16_t>{8080, 9090}));
  for (const char* wrong :
       {"", "[]", "{}", R"({"state":"dreaming"})", R"({"state":"awake","mirrors":[{"id":"x"}]})"}) {
    EXPECT_THROW(parseAgentState(wrong), std::invalid_argument) << wrong;
  }
  EXPECT_EQ(countMirrors(R"({"mirrors":[{},{}]})"), 2U);
  EXPECT_THROW(countMirrors("{}"), std::invalid_argument);
}

}  // namespace
}  // namespace dormouse::client
