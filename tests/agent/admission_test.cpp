#include "agent/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/problem.h"

namespace dormouse::agent {
namespace {

using ::testing::HasSubstr;

Problem problemOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Problem& problem) {
    return problem;
  }
  return {0, "nothing was thrown"};
}

const wire::MirrorSpec kPlain;

std::vector<Neighbour> ownedBy(const std::vector<std::string_view>& owners) {
  std::vector<Neighbour> neighbours;
  for (const std::string_view owner : owners) neighbours.push_back({owner, kPlain});
  return neighbours;
}

wire::MirrorSpec onPort(std::uint16_t port, std::chrono::seconds ttl = {}) {
  wire::MirrorSpec spec;
  spec.ports = {port};
  spec.ttl = ttl;
  return spec;
}

TEST(Admission, FillsInTheDefaultTtlAndRefusesMoreThanTheMaximum) {
  Settings settings;
  EXPECT_EQ(admitSpec(settings, onPort(80)).ttl, std::chrono::minutes(30));
  EXPECT_EQ(admitSpec(settings, onPort(80, std::chrono::hours(8))).ttl, std::chrono::hours(8));
  const Problem problem =
      problemOf([&] { admitSpec(settings, onPort(80, std::chrono::hours(9))); });
  EXPECT_EQ(problem.status(), 400);
  EXPECT_EQ(problem.key(), "ttl");
  EXPECT_STREQ(problem.what(), "ttl 9h is above the maximum of 8h");
  settings.mirror.maxTtl = std::chrono::minutes(5);
  EXPECT_EQ(admitSpec(settings, onPort(80)).ttl, std::chrono::minutes(5));
}

TEST(Admission, NeverMirrorsTheSidecarsOwnPorts) {
  Settings settings;
  settings.mirror.ownPorts = {4747};
  wire::MirrorSpec spec = onPort(4747);
  const Problem problem = problemOf([&] { admitSpec(settings, spec); });
  EXPECT_EQ(problem.status(), 400);
  EXPECT_EQ(problem.key(), "port") << "as the query calls it";
  spec.to = "10.0.0.7:3000";
  EXPECT_EQ(problemOf([&] { admitSpec(settings, spec); }).key(), "ports") << "as the body does";
}

TEST(Admission, KeepsToThePortsThatTheAdministratorAllows) {
  Settings settings;
  settings.mirror.allowedPorts = {8080, 9090};
  EXPECT_NO_THROW(admitSpec(settings, onPort(9090)));
  wire::MirrorSpec spec = onPort(80);
  const Problem problem = problemOf([&] { admitSpec(settings, spec); });
  EXPECT_EQ(problem.status(), 403);
  EXPECT_EQ(problem.key(), "port");
  spec.to = "10.0.0.7:3000";
  EXPECT_EQ(problemOf([&] { admitSpec(settings, spec); }).key(), "ports");
}

Problem refusalOf(const Settings& settings, wire::MirrorSpec spec) {
  return problemOf([&] { admitSpec(settings, std::move(spec)); });
}

TEST(Admission, TheShareNeverExceedsTheCeiling) {
  Settings settings;
  settings.mirror.maxPercent = 25;
  wire::MirrorSpec spec = onPort(80);
  const wire::MirrorSpec connections = admitSpec(settings, spec);
  EXPECT_FALSE(connections.ofRequests());
  EXPECT_EQ(connections.ceilingPercent, 25);
  spec.format = wire::Format::kNdjson;
  EXPECT_EQ(admitSpec(settings, spec).requests.percent, 25);
  spec.requests.percent = 5;
  EXPECT_EQ(admitSpec(settings, spec).requests.percent, 5);
  spec.requests.percent = 25.5;
  const Problem problem = refusalOf(settings, spec);
  EXPECT_EQ(problem.status(), 403);
  EXPECT_EQ(problem.key(), "percent");
  EXPECT_STREQ(problem.what(),
               "percent: 25.5 is above the 25 percent that the administrator allows");
  spec.to = "h:1";
  EXPECT_EQ(refusalOf(settings, spec).key(), "sample.percent");
  settings.mirror.maxPercent = 100;
  EXPECT_EQ(admitSpec(settings, onPort(80)).ceilingPercent, 0);
}

TEST(Admission, WhatTheAdministratorHidesIsHiddenInEveryMirror) {
  Settings settings;
  settings.mirror.redactHeaders = {"authorization", "cookie"};
  wire::MirrorSpec spec = onPort(80);
  EXPECT_TRUE(admitSpec(settings, spec).ofRequests());
  spec.redact = {"cookie", "json:$.a"};
  EXPECT_THAT(admitSpec(settings, spec).redact,
              ::testing::ElementsAre("cookie", "json:$.a", "authorization"));
  settings.mirror.maxPercent = 10;
  EXPECT_EQ(admitSpec(settings, onPort(80)).requests.percent, 10);
}

void expectForbidden(const Settings& settings, const wire::MirrorSpec& spec, const char* key) {
  const Problem problem = refusalOf(settings, spec);
  EXPECT_EQ(problem.status(), 403);
  EXPECT_EQ(problem.key(), key);
}

TEST(Admission, WithRedactionNothingPassesThatCannotBeRedacted) {
  Settings byAdmin;
  byAdmin.mirror.redactHeaders = {"authorization"};
  wire::MirrorSpec byMirror = onPort(80);
  byMirror.redact = {"authorization"};
  for (const auto& [settings, spec] :
       {std::pair(byAdmin, onPort(80)), std::pair(Settings{}, byMirror)}) {
    wire::MirrorSpec pcap = spec;
    pcap.format = wire::Format::kPcap;
    expectForbidden(settings, pcap, "format");
    wire::MirrorSpec udp = spec;
    udp.protocol = wire::Protocol::kUdp;
    expectForbidden(settings, udp, "protocol");
    wire::MirrorSpec raw = spec;
    raw.midstream = wire::Midstream::kRaw;
    expectForbidden(settings, raw, "midstream");
    wire::MirrorSpec http2 = spec;
    http2.http2 = wire::Http2::kRaw;
    expectForbidden(settings, http2, "h2");
  }
}

TEST(Admission, NothingIsSelectedByWhatIsRedacted) {
  struct Case {
    std::vector<std::string> redact;
    std::string header, by;
    bool taken;
  };
  const std::vector<Case> cases = {{{"authorization"}, "AUTHORIZATION", "", false},
                                   {{"authorization"}, "accept", "", true},
                                   {{"authorization"}, "", "header:Authorization", false},
                                   {{"authorization"}, "", "cookie:sid", true},
                                   {{"cookie"}, "", "cookie:sid", false},
                                   {{"cookie:sid"}, "Cookie", "", false},
                                   {{"cookie:sid"}, "", "header:cookie", false},
                                   {{"cookie:sid"}, "", "cookie:SID", false},
                                   {{"cookie:sid"}, "", "cookie:other", true},
                                   {{"traceparent"}, "", "trace", false},
                                   {{"json:$.a"}, "a", "cookie:a", true}};
  for (const Case& each : cases) {
    wire::MirrorSpec spec = onPort(80);
    spec.redact = each.redact;
    if (!each.header.empty()) spec.requests.headers = {{each.header, "^a"}};
    spec.requests.by = each.by;
    spec.requests.percent = each.by.empty() ? 0 : 5;
    const Problem problem = refusalOf({}, spec);
    EXPECT_EQ(problem.status(), each.taken ? 0 : 403) << each.redact[0] << each.header << each.by;
    EXPECT_EQ(problem.key(), each.taken ? "" : each.by.empty() ? "header" : "by");
  }
}

TEST(Admission, SaysWhoHoldsTheMirrorsWhenAllAreInUse) {
  Settings settings;
  settings.mirror.maxMirrors = 3;
  EXPECT_NO_THROW(admitOneMore(settings, ownedBy({"ana", "bob"}), kPlain));
  const Problem problem =
      problemOf([&] { admitOneMore(settings, ownedBy({"ana", "bob", "ana"}), kPlain); });
  EXPECT_EQ(problem.status(), 409);
  EXPECT_THAT(problem.what(), HasSubstr("(ana 2, bob 1)"));
}

TEST(Admission, RefusesARingOrABudgetThatWouldNotFit) {
  Settings rings;
  rings.capture.ringBytes = 40 << 20;
  EXPECT_NO_THROW(admitOneMore(rings, {}, kPlain));
  EXPECT_EQ(problemOf([&] { admitOneMore(rings, ownedBy({"ana"}), kPlain); }).status(), 503);

  Settings memory;
  memory.memory.limitBytes = 96 << 20;
  EXPECT_NO_THROW(admitOneMore(memory, std::vector<Neighbour>(7, {"ana", kPlain}), kPlain));
  memory.memory.limitBytes = 48 << 20;
  const Problem problem = problemOf([&] { admitOneMore(memory, {}, kPlain); });
  EXPECT_EQ(problem.status(), 503);
  EXPECT_THAT(problem.what(), HasSubstr("its memory limit is 48 MiB"));
}

TEST(Admission, EightMirrorsThatRedactFitTheDefaultLimit) {
  Settings settings;
  settings.memory.limitBytes = 96 << 20;
  wire::MirrorSpec spec;
  spec.redact = {"authorization"};
  EXPECT_NO_THROW(admitOneMore(settings, std::vector<Neighbour>(7, {"ana", spec}), spec));
  settings.memory.limitBytes -= 1;
  EXPECT_EQ(problemOf([&] {
              admitOneMore(settings, std::vector<Neighbour>(7, {"ana", spec}), spec);
            }).status(),
            503);
}

TEST(Admission, CountsTheRegularExpressionsOfAllMirrors) {
  Settings settings;
  settings.memory.limitBytes = 104 << 20;
  wire::MirrorSpec greedy;
  greedy.requests.path = "^/a";
  for (int i = 0; i < 16; ++i) greedy.requests.headers.push_back({"x", "y"});
  // With 93 MiB for eight plain mirrors there is room for the 4.25 MiB of two such ones.
  const auto others = [&](std::size_t count) {
    std::vector<Neighbour> neighbours = ownedBy(std::vector<std::string_view>(7 - count, "ana"));
    for (std::size_t i = 0; i < count; ++i) neighbours.push_back({"bob", greedy});
    return neighbours;
  };
  EXPECT_NO_THROW(admitOneMore(settings, others(1), greedy));
  const Problem problem = problemOf([&] { admitOneMore(settings, others(2), greedy); });
  EXPECT_EQ(problem.status(), 503);
  EXPECT_THAT(problem.what(), HasSubstr("fewer regular expressions"));
  EXPECT_NO_THROW(admitOneMore(settings, others(2), kPlain));
}

}  // namespace
}  // namespace dormouse::agent
