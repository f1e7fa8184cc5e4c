#include "agent/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "agent/admission.h"

namespace dormouse::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Parsed {
  std::optional<int> exit;
  std::string out, err;
  CommandLine line;
};

Parsed parse(const std::vector<std::string>& arguments,
             const Options::Environment& environment = {}) {
  Parsed parsed;
  std::ostringstream out, err;
  parsed.exit = parseCommandLine(arguments, environment, out, err, parsed.line);
  parsed.out = out.str();
  parsed.err = err.str();
  return parsed;
}

TEST(SidecarOptions, DefaultsAreTheDocumentedOnes) {
  const Parsed parsed = parse({});
  ASSERT_EQ(parsed.exit, std::nullopt) << parsed.err;
  EXPECT_EQ(parsed.line.control.listen.toString(), "127.0.0.1:4747");
  EXPECT_EQ(parsed.line.agent.capture.device, "any");
  EXPECT_EQ(parsed.line.agent.capture.batch, std::chrono::milliseconds(5));
  EXPECT_EQ(parsed.line.agent.mirror.maxMirrors, 8U);
  EXPECT_TRUE(parsed.line.agent.mirror.allowedTargets.empty());
  EXPECT_THAT(parsed.line.agent.mirror.ownPorts, ElementsAre(4747));
}

TEST(SidecarOptions, FlagsReachTheSettings) {
  const Parsed parsed = parse({"--allow-port",
                               "8080",
                               "--allow-port=9090",
                               "--allow-to",
                               "10.0.0.0/8",
                               "--ring",
                               "16MiB",
                               "--gap-timeout",
                               "500ms",
                               "--memory-budget",
                               "96MiB",
                               "--metrics-listen",
                               "127.0.0.1:9100",
                               "--max-ttl",
                               "1h",
                               "--max-percent",
                               "2.5",
                               "--redact-header",
                               "Authorization",
                               "--redact-header=x-key",
                               "--redact-body",
                               "1KiB"},
                              {{"DORMOUSE_BATCH", "10ms"}});
  ASSERT_EQ(parsed.exit, std::nullopt) << parsed.err;
  const Settings& agent = parsed.line.agent;
  EXPECT_THAT(agent.mirror.allowedPorts, ElementsAre(8080, 9090));
  ASSERT_EQ(agent.mirror.allowedTargets.size(), 1U);
  EXPECT_EQ(agent.mirror.allowedTargets[0].toString(), "10.0.0.0/8");
  EXPECT_EQ(agent.capture.ringBytes, 16U << 20U);
  EXPECT_EQ(agent.capture.batch, std::chrono::milliseconds(10));
  EXPECT_EQ(agent.reassembly.gapTimeout, std::chrono::milliseconds(500));
  EXPECT_EQ(agent.memory.limitBytes, 96U << 20U);
  EXPECT_EQ(agent.mirror.maxTtl, std::chrono::hours(1));
  EXPECT_THAT(agent.mirror.ownPorts, ElementsAre(4747, 9100));
  EXPECT_EQ(agent.mirror.maxPercent, 2.5);
  EXPECT_THAT(agent.mirror.redactHeaders, ElementsAre("authorization", "x-key"));
  EXPECT_EQ(agent.mirror.redactBytes, 1024U);
}

TEST(SidecarOptions, ASmallMemoryBudgetStillHasRoomForAMirror) {
  const Parsed parsed = parse({"--memory-budget", "32MiB"});
  ASSERT_EQ(parsed.exit, std::nullopt) << parsed.err;
  EXPECT_NO_THROW(admitOneMore(parsed.line.agent, {}, {}));
  EXPECT_LE(parsed.line.agent.reassembly.heldPerFlow, parsed.line.agent.reassembly.heldTotal);
  // A large one changes nothing.
  EXPECT_EQ(parse({"--memory-budget", "96MiB"}).line.agent.reassembly.maxFlows,
            Settings{}.reassembly.maxFlows);
}

TEST(SidecarOptions, EachWrongValueIsRefusedByName) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--allow-port", "0"}, "--allow-port"},
      {{"--allow-port", "80x"}, "--allow-port"},
      {{"--allow-to", "10.0.0.1/8"}, "--allow-to"},
      {{"--ring", "1KiB"}, "--ring"},
      {{"--snaplen", "1"}, "--snaplen"},
      {{"--batch", "2s"}, "--batch"},
      {{"--max-mirrors", "65"}, "--max-mirrors"},
      {{"--max-ttl", "10ms"}, "--max-ttl"},
      {{"--mirror-budget", "1KiB"}, "--mirror-budget"},
      {{"--max-connections", "1"}, "--max-connections"},
      {{"--write-interval", "2s"}, "--write-interval"},
      {{"--max-percent", "0"}, "--max-percent"},
      {{"--max-percent", "101"}, "--max-percent"},
      {{"--max-percent", "nan"}, "--max-percent"},
      {{"--redact-header", "a b"}, "--redact-header"},
      {{"--redact-header", "cookie:sid"}, "--redact-header"},
      {{"--redact-header", "Content-Length"}, "--redact-header"},
      {{"--redact-body", "129KiB"}, "--redact-body"},
      {{"--log-level", "loud"}, "--log-level"},
      {{"--listen", "0.0.0.0:4747"}, "--insecure"},
      {{"--no-such-flag"}, "no-such-flag"},
  };
  for (const auto& [arguments, name] : wrong) {
    const Parsed parsed = parse(arguments);
    EXPECT_EQ(parsed.exit, 2) << arguments[0];
    EXPECT_THAT(parsed.err, HasSubstr(name));
  }
}

TEST(SidecarOptions, HelpIsGroupedAndVersionSaysTheVersion) {
  const Parsed help = parse({"--help"});
  EXPECT_EQ(help.exit, 0);
  for (const char* group : {"Control API:", "Mirrors:", "Capture:", "Reassembly:", "Process:"}) {
    EXPECT_THAT(help.out, HasSubstr(group));
  }
  const Parsed version = parse({"--version"});
  EXPECT_EQ(version.exit, 0);
  EXPECT_THAT(version.out, HasSubstr("dormouse-sidecar "));
}

}  // namespace
}  // namespace dormouse::agent
