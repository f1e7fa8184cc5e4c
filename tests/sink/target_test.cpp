#include "sink/target.h"

#include <gtest/gtest.h>

#include "common/problem.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink {
namespace {

using std::chrono::seconds;
using test::allow;

TEST(TargetName, TakesNamesAndAddresses) {
  EXPECT_EQ(TargetName::parse("web:80").host, "web");
  EXPECT_EQ(TargetName::parse("web.default.svc:65535").port, 65535);
  EXPECT_FALSE(TargetName::parse("web:80").literal);
  EXPECT_EQ(TargetName::parse("10.0.0.7:3000").literal, IpAddress::parse("10.0.0.7"));
  EXPECT_EQ(TargetName::parse("[2001:db8::1]:1").toString(), "[2001:db8::1]:1");
}

TEST(TargetName, RefusesEverythingElseWithASentence) {
  for (const char* text : {"",
                           ":",
                           "web",
                           "web:",
                           ":80",
                           "web:0",
                           "web:65536",
                           "web:+80",
                           "web:80 ",
                           "web: 80",
                           "web:8o",
                           "we b:80",
                           "::1:80",
                           "2001:db8::1:80",
                           "[::1]",
                           "[::1]80",
                           "[::1:80",
                           "[]:80",
                           "[web]:80",
                           "[10.0.0.1]:80",
                           "[fe80::1%eth0]:80",
                           "http://web:80",
                           "web/x:80",
                           "web:80:90",
                           "w\n:80"}) {
    EXPECT_THROW(TargetName::parse(text), std::invalid_argument) << text;
  }
  EXPECT_THROW(TargetName::parse(std::string(254, 'a') + ":80"), std::invalid_argument);
  EXPECT_THROW(TargetName::parse(std::string_view("a\0b:80", 6)), std::invalid_argument);
}

class TargetTest : public ::testing::Test {
 protected:
  Target make(const std::string& to, TargetPolicy policy = allow({"10.0.0.0/8", "127.0.0.0/8"})) {
    return Target(to, std::move(policy), resolver_, executor_, clock_);
  }
  int statusOf(const std::string& to, TargetPolicy policy) {
    try {
      make(to, std::move(policy));
    } catch (const Problem& problem) {
      EXPECT_EQ(problem.key(), "to");
      sentence_ = problem.what();
      return problem.status();
    }
    return 201;
  }
  std::string nextOf(Target& target) {
    const auto endpoint = target.next(clock_.now());
    return endpoint ? endpoint->toString() : "none: " + target.refusal();
  }

  ManualClock clock_;
  test::ManualExecutor executor_;
  std::shared_ptr<test::FakeResolver> resolver_ = std::make_shared<test::FakeResolver>();
  std::string sentence_;
};

TEST_F(TargetTest, ChecksTheDestinationAtTheWake) {
  resolver_->names["web"] = {"10.1.1.1", "192.0.2.1"};
  EXPECT_EQ(statusOf("nonsense", allow({"10.0.0.0/8"})), 400);
  EXPECT_EQ(statusOf("nobody:80", allow({"10.0.0.0/8"})), 400);
  EXPECT_EQ(sentence_, "to: nobody cannot be resolved: no such name");
  EXPECT_EQ(statusOf("10.0.0.7:80", allow({})), 403);
  EXPECT_EQ(statusOf("192.0.2.1:80", allow({"10.0.0.0/8"})), 403);
  EXPECT_NE(sentence_.find("192.0.2.1:80"), std::string::npos);
  EXPECT_EQ(statusOf("web:80", allow({"10.0.0.0/8"})), 403) << "one of its two addresses";
  EXPECT_EQ(statusOf("web:80", allow({"10.0.0.0/8", "192.0.2.0/24"})), 201);
}

TEST_F(TargetTest, AMappedAddressDoesNotGetAroundTheList) {
  EXPECT_EQ(statusOf("[::ffff:192.0.2.1]:80", allow({"10.0.0.0/8"})), 403);
  EXPECT_EQ(statusOf("[::ffff:10.0.0.7]:80", allow({"10.0.0.0/8"})), 201);
}

TEST_F(TargetTest, RefusesAnEcho) {
  TargetPolicy policy = allow({"0.0.0.0/0", "::/0"});
  policy.mirroredPorts = {8080, 8081};
  resolver_->names["myself"] = {"10.0.0.1"};
  for (const char* to : {"10.0.0.1:8080", "127.0.0.1:8081", "127.3.2.1:8080", "[::1]:8080",
                         "0.0.0.0:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080", "myself:8080"}) {
    EXPECT_EQ(statusOf(to, policy), 400) << to;
  }
  EXPECT_EQ(statusOf("127.0.0.1:3000", policy), 201);
  EXPECT_EQ(statusOf("10.0.0.2:8080", policy), 201);
}

TEST_F(TargetTest, ResolvesANameAgainAfterFiveSeconds) {
  resolver_->names["web"] = {"10.0.0.7"};
  Target target = make("web:80");
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
  resolver_->names["web"] = {"10.0.0.8"};
  clock_.advance(seconds(5) - Nanos(1));
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
  EXPECT_TRUE(executor_.tasks.empty());
  clock_.advance(Nanos(1));
  EXPECT_EQ(nextOf(target), "10.0.0.7:80") << "nobody waits for the answer";
  EXPECT_EQ(executor_.tasks.size(), 1U);
  clock_.advance(seconds(60));
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
  EXPECT_EQ(executor_.tasks.size(), 1U) << "one at a time";
  executor_.runAll();
  EXPECT_EQ(nextOf(target), "10.0.0.8:80");
}

TEST_F(TargetTest, KeepsItsAddressesWhenTheNameCannotBeResolvedForOnce) {
  resolver_->names["web"] = {"10.0.0.7"};
  Target target = make("web:80");
  resolver_->names.clear();
  clock_.advance(seconds(5));
  nextOf(target);
  executor_.runAll();
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
  clock_.advance(seconds(5));
  nextOf(target);
  EXPECT_EQ(executor_.tasks.size(), 1U) << "and asks again";
}

TEST_F(TargetTest, RefusesWhatANameMayNotCometoStandFor) {
  TargetPolicy policy = allow({"10.0.0.0/8"});
  policy.mirroredPorts = {80};
  resolver_->names["web"] = {"10.0.0.7"};
  Target target = make("web:80", policy);
  for (const std::string address : {"192.0.2.1", "10.0.0.1"}) {
    resolver_->names["web"] = {address};
    clock_.advance(seconds(5));
    nextOf(target);
    executor_.runAll();
    EXPECT_EQ(nextOf(target).find("none: " + address + ":80 is "), 0U) << nextOf(target);
  }
  resolver_->names["web"] = {"10.0.0.9"};
  clock_.advance(seconds(5));
  nextOf(target);
  executor_.runAll();
  EXPECT_EQ(nextOf(target), "10.0.0.9:80");
}

TEST_F(TargetTest, NeverResolvesAnAddress) {
  Target target = make("10.0.0.7:80");
  clock_.advance(seconds(60));
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
  EXPECT_EQ(resolver_->calls, 0);
  EXPECT_TRUE(executor_.tasks.empty());
}

TEST_F(TargetTest, TurnsToTheNextAddressOnceForManyFailures) {
  resolver_->names["web"] = {"10.0.0.7", "10.0.0.8", "10.0.0.9"};
  Target target = make("web:80");
  const Endpoint first = *target.next(clock_.now());
  target.failed(first);
  target.failed(first);
  EXPECT_EQ(nextOf(target), "10.0.0.8:80");
  target.failed(*target.next(clock_.now()));
  EXPECT_EQ(nextOf(target), "10.0.0.9:80");
  target.failed(*target.next(clock_.now()));
  EXPECT_EQ(nextOf(target), "10.0.0.7:80");
}

TEST_F(TargetTest, AResolutionMayOutliveItsTarget) {
  resolver_->names["web"] = {"10.0.0.7"};
  {
    Target target = make("web:80");
    clock_.advance(seconds(5));
    nextOf(target);
  }
  executor_.runAll();
  EXPECT_EQ(resolver_->calls, 2);
}

TEST(SystemResolver, KnowsAddressesAndSaysWhenItKnowsNothing) {
  SystemResolver resolver;
  EXPECT_EQ(resolver.resolve("127.0.0.1"), std::vector<IpAddress>{*IpAddress::parse("127.0.0.1")});
  EXPECT_THROW(resolver.resolve("name.invalid"), ResolveError);
}

}  // namespace
}  // namespace dormouse::sink
