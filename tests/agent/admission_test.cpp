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
  const Problem problem = problemOf([&] { admitSpec(settings, onPort(4747)); });
  EXPECT_EQ(problem.status(), 400);
  EXPECT_EQ(problem.key(), "ports");
}

TEST(Admission, KeepsToThePortsThatTheAdministratorAllows) {
  Settings settings;
  settings.mirror.allowedPorts = {8080, 9090};
  EXPECT_NO_THROW(admitSpec(settings, onPort(9090)));
  const Problem problem = problemOf([&] { admitSpec(settings, onPort(80)); });
  EXPECT_EQ(problem.status(), 403);
  EXPECT_EQ(problem.key(), "ports");
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

TEST(Admission, CountsTheRegularExpressionsOfAllMirrors) {
  Settings settings;
  settings.memory.limitBytes = 96 << 20;
  wire::MirrorSpec greedy;
  greedy.requests.path = "^/a";
  for (int i = 0; i < 16; ++i) greedy.requests.headers.push_back({"x", "y"});
  // With 85 MiB for eight plain mirrors there is room for the 4.25 MiB of two such ones.
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
