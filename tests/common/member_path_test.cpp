#include "common/member_path.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dormouse {
namespace {

/// Follows a way such as {"items", "#2", "card"}: names, and indices behind #. True if a path ends
/// right there.
bool means(const std::vector<std::string>& paths, const std::vector<std::string>& way) {
  std::vector<MemberPath> parsed;
  for (const std::string& path : paths) parsed.push_back(parseMemberPath(path));
  const MemberMatcher matcher(parsed);
  MemberMatcher::Place place{false, matcher.start()};
  for (const std::string& step : way) {
    place = step.starts_with('#') ? matcher.enterElement(place.progress, std::stoul(step.substr(1)))
                                  : matcher.enterMember(place.progress, step);
  }
  return place.meant;
}

TEST(MemberPath, MeansWhatItSays) {
  EXPECT_TRUE(means({"$.user.password"}, {"user", "password"}));
  EXPECT_FALSE(means({"$.user.password"}, {"password"}));
  EXPECT_FALSE(means({"$.user.password"}, {"user"}));
  EXPECT_FALSE(means({"$.user.password"}, {"a", "user", "password"}));
  EXPECT_TRUE(means({"$.cards[*].number"}, {"cards", "#7", "number"}));
  EXPECT_FALSE(means({"$.cards[*].number"}, {"cards", "number"}));
  EXPECT_TRUE(means({"$[1]"}, {"#1"}));
  EXPECT_FALSE(means({"$[1]"}, {"#0"}));
  EXPECT_FALSE(means({"$[1]"}, {"1"}));
  EXPECT_TRUE(means({"$.*.key"}, {"anything", "key"}));
  EXPECT_FALSE(means({"$.*.key"}, {"#0", "key"}));
  EXPECT_TRUE(means({"$['a.b c'].d"}, {"a.b c", "d"}));
}

TEST(MemberPath, TwoDotsGoAnyDepthDown) {
  for (const std::vector<std::string>& way : std::vector<std::vector<std::string>>{
           {"token"}, {"a", "token"}, {"#3", "a", "#0", "token"}, {"token", "x", "token"}}) {
    EXPECT_TRUE(means({"$..token"}, way));
  }
  EXPECT_TRUE(means({"$..a.b"}, {"a", "a", "b"}));
  EXPECT_FALSE(means({"$..a.b"}, {"a", "x", "b"}));
  EXPECT_TRUE(means({"$..[0]"}, {"x", "#0"}));
  EXPECT_TRUE(means({"$.x..y"}, {"x", "z", "y"}));
  EXPECT_FALSE(means({"$.x..y"}, {"z", "y"}));
}

TEST(MemberPath, NamesAreComparedWithoutCase) {
  EXPECT_TRUE(means({"$.passWord"}, {"PASSWORD"}));
}

TEST(MemberPath, SeveralAreFollowedAtOnce) {
  const std::vector<std::string> paths = {"$.a.b", "$.a[*]", "$..c"};
  EXPECT_TRUE(means(paths, {"a", "b"}));
  EXPECT_TRUE(means(paths, {"a", "#0"}));
  EXPECT_TRUE(means(paths, {"a", "d", "c"}));
  EXPECT_FALSE(means(paths, {"a", "d"}));
}

TEST(MemberPath, RefusesWhatIsNone) {
  std::string long17 = "$";
  for (int i = 0; i < 17; ++i) long17 += ".a";
  for (const std::string& text : {std::string(),
                                  std::string("$"),
                                  std::string("user"),
                                  std::string("$user"),
                                  std::string("$."),
                                  std::string("$.."),
                                  std::string("$.a."),
                                  std::string("$.a b"),
                                  std::string("$[a]"),
                                  std::string("$[-1]"),
                                  std::string("$[1"),
                                  std::string("$['a"),
                                  std::string("$['a'"),
                                  std::string("$['']"),
                                  std::string("$['a,b']"),
                                  std::string("$.a,b"),
                                  std::string("$[99999999999999999999]"),
                                  std::string("$.a\n"),
                                  std::string("$...a"),
                                  long17}) {
    EXPECT_THROW(parseMemberPath(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace dormouse
