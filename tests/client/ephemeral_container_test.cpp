// What is PUT to bring an agent into a pod.
#include "client/ephemeral_container.h"

#include <gtest/gtest.h>

#include <sstream>

#include "client/json_path.h"

namespace dormouse::client {
namespace {

Poco::JSON::Object::Ptr container(AgentProfile profile, const std::string& target = "") {
  AttachedAgent agent;
  agent.name = "dormouse-0a1b2c";
  agent.controlPort = 20001;
  agent.token = "the-token";
  const Pod pod;
  return agentContainer({agent, pod, "ana", std::string(64, 'f'), target}, "reg.example/d:1",
                        profile);
}

std::string textOf(const Poco::JSON::Object& object) {
  std::ostringstream text;
  object.stringify(text);
  return text.str();
}

// The whole of it, so that nothing comes in unseen.
TEST(AgentContainer, IsThisAndNothingElse) {
  EXPECT_EQ(
      textOf(*container(AgentProfile::kPrivileged)),
      R"({"name":"dormouse-0a1b2c","image":"reg.example/d:1","imagePullPolicy":"IfNotPresent",)"
      R"("args":["--listen=127.0.0.1:20001","--token-sha256=ana=)" +
          std::string(64, 'f') +
          R"(","--exit-when-idle=30s","--memory-budget=32MiB","--mirror-budget=1536KiB"],)"
          R"("securityContext":{"allowPrivilegeEscalation":false,)"
          R"("capabilities":{"drop":["ALL"],"add":["NET_RAW"]},"privileged":false,)"
          R"("readOnlyRootFilesystem":true,"runAsGroup":65532,"runAsNonRoot":true,)"
          R"("runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}},)"
          R"("terminationMessagePolicy":"FallbackToLogsOnError"})");
}

TEST(AgentContainer, LeavesCapabilitiesUnsetWhereTheyMayNotBeAdded) {
  EXPECT_EQ(objectAt(*container(AgentProfile::kBaseline), {"securityContext", "capabilities"}),
            nullptr);
  EXPECT_EQ(textAt(*container(AgentProfile::kBaseline, "app"), {"targetContainerName"}), "app");
}

TEST(WithContainer, KeepsThoseThatThereAreAndTakesNothingElse) {
  const auto pod = objectFromText(
      R"({"kind":"Pod","metadata":{"name":"web-0","namespace":"shop","uid":"u","resourceVersion":"7",)"
      R"("labels":{"a":"b"}},"spec":{"containers":[{"name":"app","env":[{"name":"KEY","value":"v"}]}],)"
      R"("ephemeralContainers":[{"name":"one","stdin":true,"image":"\u00e4\"\\\n"}]},"status":{}})");
  Poco::JSON::Object::Ptr mine = new Poco::JSON::Object;
  mine->set("name", std::string("two"));
  const auto body = objectFromText(withContainer(*pod, mine));
  const auto expected = objectFromText(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop","uid":"u",)"
      R"("resourceVersion":"7"},"spec":{"ephemeralContainers":)"
      R"([{"name":"one","stdin":true,"image":"\u00e4\"\\\n"},{"name":"two"}]}})");
  EXPECT_EQ(textOf(*body), textOf(*expected));
  for (const char* member : {"name", "namespace", "uid", "resourceVersion"}) {
    const auto less = objectFromText(textOf(*pod));
    objectAt(*less, {"metadata"})->remove(member);
    EXPECT_THROW(withContainer(*less, mine), ObjectError) << member;
  }
}

}  // namespace
}  // namespace dormouse::client
