// What selects requests: the filter, the sample, the rate.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "http/rate_cap.h"
#include "http/request_filter.h"
#include "http/sampler.h"

namespace dormouse::http {
namespace {

/// A head with storage of its own.
class Request {
 public:
  explicit Request(std::string_view method, std::string_view target = "/",
                   std::vector<HeaderField> fields = {})
      : fields_(std::move(fields)) {
    head_.method = method;
    head_.target = target;
    head_.fields = fields_;
  }
  operator const RequestHead&() const { return head_; }  // NOLINT(google-explicit-constructor)

 private:
  std::vector<HeaderField> fields_;
  RequestHead head_;
};

bool matches(const FilterRules& rules, const RequestHead& head) {
  return RequestFilter(rules).matches(head);
}

TEST(RequestHead, PathIsTheTargetWithoutItsQuery) {
  EXPECT_EQ(pathOf("/a/b?c=/d"), "/a/b");
  EXPECT_EQ(pathOf("http://host:80/a?b"), "/a");
  EXPECT_EQ(pathOf("http://host?b"), "/");
  EXPECT_EQ(pathOf("http://host"), "/");
  EXPECT_EQ(pathOf("*"), "");
  EXPECT_EQ(pathOf("host:443"), "");
}

TEST(RequestHead, FindsCookiesWhereverTheyStand) {
  const Request request("GET", "/",
                        {{"Cookie", "a=1; session=\"s 1\";b"}, {"cookie", "other=x;last=y"}});
  EXPECT_EQ(findCookie(request, "a"), "1");
  EXPECT_EQ(findCookie(request, "session"), "s 1");
  EXPECT_EQ(findCookie(request, "last"), "y");
  EXPECT_EQ(findCookie(request, "A"), std::nullopt);
  EXPECT_EQ(findCookie(request, "b"), std::nullopt);
  EXPECT_EQ(findCookie(request, "ession"), std::nullopt);
}

TEST(RequestFilter, WithoutRulesEverythingButProbesAndMirroredRequests) {
  EXPECT_TRUE(matches({}, Request("GET")));
  const Request probe("GET", "/healthz", {{"User-Agent", "kube-probe/1.31"}});
  EXPECT_FALSE(matches({}, probe));
  FilterRules all;
  all.probes = true;
  EXPECT_TRUE(matches(all, probe));
  EXPECT_TRUE(matches({}, Request("GET", "/", {{"User-Agent", "my kube-probe/1"}})));
  EXPECT_FALSE(matches(all, Request("GET", "/", {{"X-Mirrored-By", "dormouse/m-012345"}})));
  EXPECT_TRUE(matches(all, Request("GET", "/", {{"X-Mirrored-By", "somebody"}})));
}

TEST(RequestFilter, Methods) {
  FilterRules rules;
  rules.methods = {"POST", "safe"};
  for (const char* method : {"POST", "GET", "HEAD", "OPTIONS"}) {
    EXPECT_TRUE(matches(rules, Request(method))) << method;
  }
  for (const char* method : {"PUT", "DELETE", "post", "safe"}) {
    EXPECT_FALSE(matches(rules, Request(method))) << method;
  }
}

TEST(RequestFilter, PathIsSearchedWithoutQuery) {
  FilterRules rules;
  rules.path = "^/api/(users|orders)$";
  EXPECT_TRUE(matches(rules, Request("GET", "/api/users?x=1")));
  EXPECT_TRUE(matches(rules, Request("GET", "http://h/api/orders")));
  EXPECT_FALSE(matches(rules, Request("GET", "/v1/api/users")));
  EXPECT_FALSE(matches(rules, Request("GET", "/?/api/users")));
  rules.path = "users";
  EXPECT_TRUE(matches(rules, Request("GET", "/v1/api/users")));
}

TEST(RequestFilter, EachHeaderRuleNeedsOneValueThatMatches) {
  FilterRules rules;
  rules.headers = {{"X-User", "^ana$"}, {"accept", "json"}};
  EXPECT_TRUE(matches(
      rules,
      Request("GET", "/", {{"x-user", "bob"}, {"X-USER", "ana"}, {"Accept", "application/json"}})));
  EXPECT_FALSE(matches(rules, Request("GET", "/", {{"x-user", "ana"}})));
  EXPECT_FALSE(matches(rules, Request("GET", "/", {{"x-user", "anabel"}, {"Accept", "json"}})));
}

TEST(RequestFilter, TakesBytesThatAreNoUtf8) {
  FilterRules rules;
  rules.headers = {{"x", "^.\xff$"}};
  EXPECT_TRUE(matches(rules, Request("GET", "/", {{"x", "\xfe\xff"}})));
}

TEST(RequestFilter, RefusesPatternsByTheirPart) {
  const auto partOf = [](const FilterRules& rules) -> std::string {
    try {
      const RequestFilter filter(rules);
    } catch (const PatternError& error) {
      EXPECT_FALSE(std::string(error.what()).empty());
      return error.part();
    }
    return "taken";
  };
  FilterRules rules;
  rules.path = "(";
  EXPECT_EQ(partOf(rules), "path");
  rules.path = "(a)\\1";  // A backreference: only a backtracking engine has them.
  EXPECT_EQ(partOf(rules), "path");
  rules.path = "((a{1,100}){1,100}){1,100}";  // Small to write, large to compile.
  EXPECT_EQ(partOf(rules), "path");
  rules.path = "";
  rules.headers = {{"x", "[z-a]"}};
  EXPECT_EQ(partOf(rules), "headers");
}

TEST(Sampler, RanksStandForever) {
  // Computed from the documented algorithm by another program; another value would split sessions
  // that are spread over old and new replicas.
  EXPECT_NEAR(sampleRank(""), 93.676944839, 1e-8);
  EXPECT_NEAR(sampleRank("a"), 51.029451766, 1e-8);
  EXPECT_NEAR(sampleRank("session-1"), 94.689438939, 1e-8);
}

TEST(Sampler, AKeyIsAlwaysInOrAlwaysOut) {
  Sampler one(30, {SampleKey::Kind::kHeader, "x-session"});
  Sampler other(30, {SampleKey::Kind::kHeader, "X-Session"});
  int in = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string session = "session-" + std::to_string(i);
    const Request request("GET", "/", {{"X-SESSION", session}});
    const bool taken = one.contains(request);
    in += taken ? 1 : 0;
    EXPECT_EQ(one.contains(request), taken);
    EXPECT_EQ(other.contains(request), taken);
  }
  // 30 percent of 10,000, within five standard deviations.
  EXPECT_NEAR(in, 3000, 5 * std::sqrt(10000 * 0.3 * 0.7));
}

TEST(Sampler, WhoIsInAtAFewPercentIsInAtMore) {
  Sampler few(5, {SampleKey::Kind::kCookie, "sid"});
  Sampler more(50, {SampleKey::Kind::kCookie, "sid"});
  for (int i = 0; i < 2000; ++i) {
    const std::string cookie = "a=b; sid=" + std::to_string(i);
    const Request request("GET", "/", {{"Cookie", cookie}});
    const bool taken = few.contains(request);
    EXPECT_LE(taken, more.contains(request));
  }
}

TEST(Sampler, TracesStayWhole) {
  Sampler sampler(50, {SampleKey::Kind::kTrace, ""});
  std::set<bool> decisions;
  for (int i = 1; i < 64; ++i) {
    char id[33];
    std::snprintf(id, sizeof id, "%032x", i);
    const std::string one = "00-" + std::string(id) + "-00000000000000aa-01";
    const std::string two = "00-" + std::string(id) + "-00000000000000bb-00";
    const bool taken = sampler.contains(Request("GET", "/", {{"traceparent", one}}));
    EXPECT_EQ(sampler.contains(Request("GET", "/", {{"traceparent", two}})), taken);
    decisions.insert(taken);
  }
  EXPECT_EQ(decisions.size(), 2U);
  EXPECT_EQ(traceId("00-00000000000000000000000000000000-00000000000000aa-01"), std::nullopt);
  EXPECT_EQ(traceId("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), std::nullopt);
  EXPECT_EQ(traceId("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), std::nullopt);
  EXPECT_EQ(traceId("00-4bf9"), std::nullopt);
}

TEST(Sampler, WithoutAKeyExactlyThatShare) {
  Sampler sampler(25, {});
  for (int round = 0; round < 4; ++round) {
    int in = 0;
    for (int i = 0; i < 100; ++i) in += sampler.contains(Request("GET")) ? 1 : 0;
    EXPECT_EQ(in, 25);
  }
  Sampler all(100, {SampleKey::Kind::kHeader, "absent"});
  EXPECT_TRUE(all.contains(Request("GET")));
}

TEST(RateCap, ABurstOfOneSecondThenTheRate) {
  RateCap cap(10);
  TimePoint now{std::chrono::hours(1)};
  int taken = 0;
  for (int i = 0; i < 50; ++i) taken += cap.take(now) ? 1 : 0;
  EXPECT_EQ(taken, 10);
  now += std::chrono::milliseconds(99);
  EXPECT_FALSE(cap.take(now));
  now += std::chrono::milliseconds(1);
  EXPECT_TRUE(cap.take(now));
  EXPECT_FALSE(cap.take(now));
  now += std::chrono::hours(100);
  taken = 0;
  for (int i = 0; i < 50; ++i) taken += cap.take(now) ? 1 : 0;
  EXPECT_EQ(taken, 10);
}

TEST(RateCap, NothingIsLostInSmallSteps) {
  RateCap cap(3);
  TimePoint now{std::chrono::hours(1)};
  while (cap.take(now)) {
  }
  int taken = 0;
  for (int i = 0; i < 10'000'000; i += 1000) {
    now += std::chrono::microseconds(1000);
    taken += cap.take(now) ? 1 : 0;
  }
  EXPECT_EQ(taken, 30);
  EXPECT_FALSE(cap.take(now - std::chrono::hours(1)));
}

TEST(RequestHead, ItsSizeDoesNotWrapWhateverIsAnnounced) {
  RequestHead head;
  const std::string text(100, 'h');
  head.bytes = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  EXPECT_EQ(sizeUpTo(head, 1000), 100U);
  EXPECT_EQ(sizeUpTo(head, 99), 99U);
  head.length = 900;
  EXPECT_EQ(sizeUpTo(head, 2000), 1000U);
  head.length = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(sizeUpTo(head, 1000), 1000U);
  EXPECT_EQ(sizeUpTo(head, std::numeric_limits<std::size_t>::max()),
            std::numeric_limits<std::size_t>::max());
}

}  // namespace
}  // namespace dormouse::http
