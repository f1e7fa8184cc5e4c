#include "common/tokens.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/problem.h"
#include "support/capture_log.h"
#include "support/temp_dir.h"

namespace dormouse {
namespace {

using test::CaptureLog;
using test::TempDir;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

class TokensTest : public ::testing::Test {
 protected:
  Tokens inDirectory() { return Tokens({dir_.string(), {}}, clock_, log_.log); }

  static int statusOf(Tokens& tokens, const std::string& header) {
    try {
      tokens.authenticate(header);
      return 200;
    } catch (const Problem& problem) {
      return problem.status();
    }
  }

  TempDir dir_;
  ManualClock clock_;
  CaptureLog log_;
};

TEST_F(TokensTest, TheFileNameIsThePrincipalAndOneNewlineIsStripped) {
  dir_.write("ana", "secret-a\n");
  dir_.write("bob", "secret-b");
  dir_.write("eve", "secret-e\n\n");
  Tokens tokens = inDirectory();
  EXPECT_EQ("ana", tokens.authenticate("Bearer secret-a"));
  EXPECT_EQ("bob", tokens.authenticate("bearer  secret-b"));
  EXPECT_EQ(401, statusOf(tokens, "Bearer secret-e"));
}

TEST_F(TokensTest, EmptyAndHiddenFilesAndDirectoriesDoNotCount) {
  dir_.write("empty", "");
  dir_.write("newline", "\n");
  dir_.write(".hidden", "hidden");
  dir_.write("sub/file", "nested");
  Tokens tokens = inDirectory();
  EXPECT_EQ(503, statusOf(tokens, "Bearer hidden"));
  EXPECT_EQ(503, statusOf(tokens, ""));
}

TEST_F(TokensTest, AMissingDirectoryIsLikeAnEmptyOneUntilItAppears) {
  Tokens tokens({dir_.string() + "/later", {}}, clock_, log_.log);
  EXPECT_EQ(503, statusOf(tokens, "Bearer x"));
  dir_.write("later/ana", "x");
  EXPECT_EQ(200, statusOf(tokens, "Bearer x"));
}

TEST_F(TokensTest, FollowsASecretsAtomicRotation) {
  // As the kubelet lays a Secret out: NAME -> ..data/NAME, ..data -> ..TIME, swapped by rename.
  dir_.write("..1/ana", "old");
  std::filesystem::create_directory_symlink("..1", dir_.path() / "..data");
  std::filesystem::create_symlink("..data/ana", dir_.path() / "ana");
  Tokens tokens = inDirectory();
  EXPECT_EQ("ana", tokens.authenticate("Bearer old"));
  dir_.write("..2/ana", "new");
  std::filesystem::create_directory_symlink("..2", dir_.path() / "..data_tmp");
  std::filesystem::rename(dir_.path() / "..data_tmp", dir_.path() / "..data");
  EXPECT_EQ(401, statusOf(tokens, "Bearer old"));
  EXPECT_EQ("ana", tokens.authenticate("Bearer new"));
}

TEST_F(TokensTest, HashedTokensNeedNoFile) {
  // printf secret | sha256sum
  Tokens tokens({"",
                 {parseHashedToken("ana=2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97"
                                   "bf527a25b")}},
                clock_, log_.log);
  EXPECT_EQ("ana", tokens.authenticate("Bearer secret"));
  EXPECT_EQ(401, statusOf(tokens, "Bearer Secret"));
}

TEST_F(TokensTest, RefusesWhatIsNoHashedToken) {
  const std::string hex(64, 'a');
  EXPECT_NO_THROW(parseHashedToken("n=" + hex));
  for (const std::string& text :
       std::vector<std::string>{"", "n", "n=", "=" + hex, "n=" + hex + "a", "n=" + hex.substr(1),
                                "n=g" + hex.substr(1), hex}) {
    EXPECT_THROW(parseHashedToken(text), std::invalid_argument) << text;
  }
}

TEST_F(TokensTest, RefusesOtherSchemesPrefixesAndEmptyTokens) {
  dir_.write("ana", "secret");
  Tokens tokens = inDirectory();
  for (const char* header : {"", "Bearer", "Bearer ", "Basic secret", "secret", "Bearersecret",
                             "Bearer secre", "Bearer secrets", "Bearer secret "}) {
    EXPECT_EQ(401, statusOf(tokens, header)) << header;
  }
  try {
    tokens.authenticate("");
    FAIL();
  } catch (const Problem& problem) {
    EXPECT_THAT(problem.headers(), Contains(Pair("WWW-Authenticate", HasSubstr("Bearer"))));
  }
}

TEST_F(TokensTest, TenWrongTokensAMinuteThen429WhileARightOnePasses) {
  dir_.write("ana", "secret");
  Tokens tokens = inDirectory();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(401, statusOf(tokens, "Bearer wrong")) << i;
    clock_.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(200, statusOf(tokens, "Bearer secret"));
  EXPECT_EQ(401, statusOf(tokens, "")) << "no token is not a wrong one";
  try {
    tokens.authenticate("Bearer wrong");
    FAIL();
  } catch (const Problem& problem) {
    EXPECT_EQ(429, problem.status());
    EXPECT_THAT(problem.headers(), Contains(Pair("Retry-After", "50")));
  }
  clock_.advance(std::chrono::seconds(50));
  EXPECT_EQ(401, statusOf(tokens, "Bearer wrong")) << "the first of the ten is a minute old";
  EXPECT_EQ(429, statusOf(tokens, "Bearer wrong")) << "the other nine are not";
}

TEST_F(TokensTest, TooLargeAndTooManyFilesAreIgnoredAndLoggedOnce) {
  dir_.write("big", std::string(4097, 'x'));
  dir_.write("fits", std::string(4096, 'y'));
  for (int i = 0; i < 70; ++i)
    dir_.write("n" + std::to_string(100 + i), "token" + std::to_string(i));
  Tokens tokens = inDirectory();
  EXPECT_EQ(401, statusOf(tokens, "Bearer " + std::string(4097, 'x')));
  EXPECT_EQ(200, statusOf(tokens, "Bearer " + std::string(4096, 'y')));
  EXPECT_EQ(200, statusOf(tokens, "Bearer token61"));
  EXPECT_EQ(401, statusOf(tokens, "Bearer token62"));
  EXPECT_THAT(log_.linesWith("larger than 4 KiB"), SizeIs(1));
  EXPECT_THAT(log_.linesWith("more than 64"), SizeIs(1));
}

TEST_F(TokensTest, AFifoDoesNotBlock) {
  ASSERT_EQ(0, ::mkfifo((dir_.path() / "pipe").c_str(), 0600));
  dir_.write("ana", "secret");
  Tokens tokens = inDirectory();
  EXPECT_EQ(200, statusOf(tokens, "Bearer secret"));
}

}  // namespace
}  // namespace dormouse
