#include "common/options.h"

#include <gmock/gmock.h>

#include <sstream>

#include "common/version.h"
#include "support/temp_dir.h"

namespace dormouse {
namespace {

namespace po = boost::program_options;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    po::options_description group("Things");
    // clang-format off
    group.add_options()
        ("size", po::value(&size)->default_value(ByteSize{8 << 20})->value_name("SIZE"), "a size")
        ("ttl", po::value(&ttl)->default_value(Duration{std::chrono::minutes(30)}), "a duration")
        ("max-count", po::value(&count)->default_value(3), "a number")
        ("switch", po::bool_switch(&enabled), "a switch")
        ("name", po::value(&names)->composing(), "names");
    // clang-format on
    options.add(group);
  }

  std::optional<int> parse(const std::vector<std::string>& arguments,
                           const Options::Environment& environment = {}) {
    out.str("");
    err.str("");
    return options.parse(arguments, environment, out, err);
  }

  ByteSize size;
  Duration ttl;
  int count = 0;
  bool enabled = false;
  std::vector<std::string> names;
  Options options{"prog", "Does things.", "DORMOUSE"};
  std::ostringstream out;
  std::ostringstream err;
};

TEST_F(OptionsTest, Defaults) {
  EXPECT_EQ(std::nullopt, parse({}));
  EXPECT_EQ(8U << 20, size.bytes);
  EXPECT_EQ(std::chrono::minutes(30), ttl.value);
  EXPECT_EQ(3, count);
  EXPECT_FALSE(enabled);
  EXPECT_THAT(err.str(), IsEmpty());
}

TEST_F(OptionsTest, FlagsBeatEnvironmentBeatsFile) {
  test::TempDir dir;
  dir.write("c", "# a comment\nsize = 1KiB\nmax-count=5\nttl=5ms\n");
  EXPECT_EQ(std::nullopt,
            parse({"--size=3KiB", "--config", (dir.path() / "c").string()},
                  {{"DORMOUSE_SIZE", "2KiB"}, {"DORMOUSE_MAX_COUNT", "4"}, {"OTHER_TTL", "1s"}}))
      << err.str();
  EXPECT_EQ(3U << 10, size.bytes);
  EXPECT_EQ(4, count);
  EXPECT_EQ(std::chrono::milliseconds(5), ttl.value);
}

TEST_F(OptionsTest, TheFileCanComeFromTheEnvironmentAndRepeatNames) {
  test::TempDir dir;
  dir.write("c", "name=a\nname=b\n");
  EXPECT_EQ(std::nullopt,
            parse({"--name", "x"}, {{"DORMOUSE_CONFIG", (dir.path() / "c").string()}}));
  EXPECT_THAT(names, ElementsAre("x", "a", "b"));
}

TEST_F(OptionsTest, SwitchesFromTheEnvironment) {
  EXPECT_EQ(std::nullopt, parse({}, {{"DORMOUSE_SWITCH", "true"}})) << err.str();
  EXPECT_TRUE(enabled);
  EXPECT_EQ(2, parse({}, {{"DORMOUSE_SWITCH", "maybe"}}));
  EXPECT_THAT(err.str(), HasSubstr("DORMOUSE_SWITCH"));
}

TEST_F(OptionsTest, VariablesThatAreNoOptionAreIgnored) {
  EXPECT_EQ(std::nullopt, parse({}, {{"DORMOUSE_SERVICE_HOST", "10.0.0.1"},
                                     {"DORMOUSE_PORT_443_TCP", "tcp://10.0.0.1:443"},
                                     {"DORMOUSE_", "x"}}))
      << err.str();
}

TEST_F(OptionsTest, ErrorsAreASentenceAndExitCode2) {
  test::TempDir dir;
  dir.write("bad", "colour=red\n");
  const std::string bad = (dir.path() / "bad").string();
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--colour"}, "colour"},       {{"--siz=1"}, "siz"},
      {{"--size=8MB"}, "8MB"},        {{"--ttl=30"}, "ttl"},
      {{"--max-count=many"}, "many"}, {{"--size"}, "size"},
      {{"stray"}, "positional"},      {{"--config", "/nonexistent"}, "/nonexistent"},
      {{"--config", bad}, "colour"},  {{"--ttl=1s", "--ttl=2s"}, "ttl"}};
  for (const auto& [arguments, named] : cases) {
    EXPECT_EQ(2, parse(arguments)) << arguments[0];
    EXPECT_THAT(err.str(), AllOf(HasSubstr("prog: "), HasSubstr(named)));
    EXPECT_THAT(out.str(), IsEmpty());
  }
}

TEST_F(OptionsTest, HelpIsGroupedAndVersionIsTheProjects) {
  EXPECT_EQ(0, parse({"--help"}));
  EXPECT_THAT(out.str(),
              AllOf(HasSubstr("Does things."), HasSubstr("General:"), HasSubstr("Things:"),
                    HasSubstr("(=8MiB)"), HasSubstr("(=30m)"), HasSubstr("DORMOUSE_")));
  EXPECT_EQ(0, parse({"--version"}));
  EXPECT_EQ(std::string("prog ") + kVersion + "\n", out.str());
}

// A chart runs it so, before anybody is to live with the flags.
TEST_F(OptionsTest, VersionChecksTheFlagsBesideIt) {
  const auto check = [this] {
    if (count > 5) throw OptionError("--max-count is above 5");
  };
  const auto run = [&](const std::vector<std::string>& arguments) {
    return options.parse(arguments, {{"DORMOUSE_MAX_COUNT", "9"}}, out, err, check);
  };
  EXPECT_EQ(0, run({"--version"}));
  EXPECT_EQ(0, run({"--max-count=5", "--version"})) << "the environment is not asked";
  EXPECT_EQ(2, run({"--version", "--max-count=6"}));
  EXPECT_THAT(err.str(), HasSubstr("--max-count is above 5"));
  EXPECT_EQ(2, run({"--version", "--max-count=x"}));
}

}  // namespace
}  // namespace dormouse
