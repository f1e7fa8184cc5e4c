// Golden pairs: NAME.review.json (flags, path and review) and NAME.answer.json (what comes of it).
// Set DORMOUSE_RENEW_GOLDEN to write the answers anew (make golden).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "injector/base64.h"
#include "injector/options.h"
#include "tests/injector/support/pods.h"

namespace dormouse::injector {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = DORMOUSE_GOLDEN;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  const std::string suffix = ".review.json";
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      found.push_back(name.substr(0, name.size() - suffix.size()));
    }
  }
  return found;
}

CommandLine commandLine(const JsonObject& golden) {
  std::vector<std::string> arguments = {"--sidecar-image=registry.example/dormouse:1",
                                        "--cert-mode=files", "--cert-file=x", "--key-file=x"};
  const JsonArray flags = arrayMember(golden, "flags");
  for (const auto& flag : *flags) arguments.push_back(flag.toString());
  CommandLine line;
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_FALSE(parseCommandLine(arguments, {}, out, err, line)) << err.str();
  return line;
}

// The answer with the patch decoded and the outcome named, indented: what a person compares.
std::string answerTo(const JsonObject& golden) {
  const CommandLine line = commandLine(golden);
  const Review review = parseReview(toText(objectMember(golden, "review")));
  const Surroundings surroundings{profileOf(*stringMember(golden, "profile")),
                                  line.native == NativeChoice::kAlways};
  const Decision decision = decide(review, surroundings, line.selection, line.injection);
  JsonObject answer = parseObject(toAnswer(review, decision));
  JsonObject response = objectMember(answer, "response");
  if (const auto patch = stringMember(response, "patch")) {
    const std::string text = decodeBase64(*patch).value();
    response->set("patch", arrayMember(parseObject("{\"patch\":" + text + "}"), "patch"));
  }
  std::ostringstream text;
  answer->stringify(text, 1);
  return text.str() + "\n";
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, Answer) {
  const fs::path expected = kFolder / (GetParam() + ".answer.json");
  const std::string answer = answerTo(parseObject(read(kFolder / (GetParam() + ".review.json"))));
  if (std::getenv("DORMOUSE_RENEW_GOLDEN") != nullptr) {
    std::ofstream(expected, std::ios::binary) << answer;
  }
  EXPECT_EQ(answer, read(expected)) << "if this is meant, run: make golden";
}

INSTANTIATE_TEST_SUITE_P(Reviews, Golden, ::testing::ValuesIn(names()), [](const auto& each) {
  std::string name = each.param;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

TEST(GoldenFolder, HoldsAnAnswerForEachReviewAndNothingElse) {
  const std::size_t reviews = names().size();
  EXPECT_GE(reviews, 25U);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(kFolder))
    files += entry.is_regular_file() ? 1U : 0U;
  EXPECT_EQ(files, 2 * reviews);
}

}  // namespace
}  // namespace dormouse::injector
