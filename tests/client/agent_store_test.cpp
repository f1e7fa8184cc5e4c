#include "client/agent_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "client/fresh_token.h"
#include "client/kubectl.h"
#include "tests/support/temp_dir.h"

namespace dormouse::client {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AgentStoreTest : public testing::Test {
 protected:
  static AttachedAgent agent(const std::string& name, const std::string& uid = "uid-1") {
    return {Way::kNode, name, "web-0", "shop", uid, 20123, "a-token", std::chrono::seconds(90)};
  }
  fs::path fileOf(const std::string& name) const { return place_ / ("uid-1." + name + ".json"); }
  static unsigned modeOf(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }

  test::TempDir directory_;
  const fs::path place_ = directory_.path() / "deep/er";
  const AgentStore store_{place_};
};

TEST_F(AgentStoreTest, KeepsAgentsForTheirOwnerAlone) {
  EXPECT_THAT(store_.of("uid-1"), IsEmpty());
  store_.keep(agent("dormouse-1"));
  store_.keep(agent("other", "uid-12"));
  EXPECT_EQ(modeOf(place_), 0700U);
  EXPECT_EQ(modeOf(fileOf("dormouse-1")), 0600U);
  const auto found = store_.of("uid-1");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].way, Way::kNode);
  EXPECT_EQ(found[0].name, "dormouse-1");
  EXPECT_EQ(found[0].pod, "web-0");
  EXPECT_EQ(found[0].nameSpace, "shop");
  EXPECT_EQ(found[0].controlPort, 20123);
  EXPECT_EQ(found[0].token, "a-token");
  EXPECT_EQ(found[0].idle, std::chrono::seconds(90));
  store_.forget(found[0]);
  EXPECT_THAT(store_.of("uid-1"), IsEmpty());
  EXPECT_THAT(store_.of("uid-12"), SizeIs(1));
}

// The limit of a file's size stands for a full disk: both take the first bytes of a write.
TEST_F(AgentStoreTest, WhatHasNoRoomIsExplainedAndLeavesNothing) {
  store_.keep(agent("before"));
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{20, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  std::string sentence;
  try {
    store_.keep(agent("after"));
  } catch (const ClusterError& error) {
    sentence = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &usual);
  static_cast<void>(std::signal(SIGXFSZ, handler));
  EXPECT_THAT(sentence, HasSubstr("File too large"));
  EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(place_), {}),
              ElementsAre(fileOf("before")));
}

TEST_F(AgentStoreTest, TheNewestComesFirst) {
  for (const char* name : {"a", "b", "c"}) store_.keep(agent(name));
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(fileOf("a"), now - std::chrono::hours(2));
  fs::last_write_time(fileOf("c"), now - std::chrono::hours(1));
  const auto found = store_.of("uid-1");
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0].name + found[1].name + found[2].name, "bca");
  // Used again, it is the newest.
  store_.keep(found[2]);
  EXPECT_EQ(store_.of("uid-1")[0].name, "a");
}

TEST_F(AgentStoreTest, WhatOthersCouldReadOrHaveWrittenIsLeftOut) {
  store_.keep(agent("a"));
  ASSERT_EQ(::chmod(fileOf("a").c_str(), 0640), 0);
  store_.keep(agent("b"));
  fs::rename(fileOf("b"), place_ / "elsewhere");
  fs::create_symlink("elsewhere", fileOf("b"));
  ASSERT_EQ(::mkfifo(fileOf("c").c_str(), 0600), 0);
  EXPECT_THAT(store_.of("uid-1"), IsEmpty());
}

TEST_F(AgentStoreTest, WhatCannotBeUnderstoodIsLeftOut) {
  store_.keep(agent("a"));
  std::ifstream in(fileOf("a"));
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    EXPECT_NE(text.find(from), std::string::npos) << from;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& wrong :
       {std::string("x"), std::string(20'000, ' '), with("20123", "0"), with("20123", "65536"),
        with("\"node\"", "\"air\""), with("\"web-0\"", "\"--all\""), with("a-token", "a token"),
        with("90", "0"), with("uid-1", "uid-2"), with("\"shop\"", "7")}) {
    std::ofstream(fileOf("a")) << wrong;
    EXPECT_THAT(store_.of("uid-1"), IsEmpty()) << wrong.substr(0, 300);
  }
  std::ofstream(fileOf("a")) << good;
  EXPECT_THAT(store_.of("uid-1"), SizeIs(1));
}

TEST_F(AgentStoreTest, WhatIsOldIsPruned) {
  store_.prune();
  for (const char* name : {"a", "b"}) store_.keep(agent(name));
  fs::last_write_time(fileOf("a"), fs::file_time_type::clock::now() - std::chrono::hours(49));
  store_.prune();
  ASSERT_THAT(store_.of("uid-1"), SizeIs(1));
  EXPECT_EQ(store_.of("uid-1")[0].name, "b");
}

TEST_F(AgentStoreTest, APlaceThatIsNoneIsExplained) {
  EXPECT_THROW(AgentStore({}).keep(agent("a")), ClusterError);
  EXPECT_THAT(AgentStore({}).of("uid-1"), IsEmpty());
  std::ofstream(directory_.path() / "file") << "x";
  EXPECT_THROW(AgentStore(directory_.path() / "file").keep(agent("a")), ClusterError);
  EXPECT_THROW(store_.keep(agent("a", "../escape")), ClusterError);
}

TEST(FreshToken, IsRandomAndItsHashIsSha256) {
  EXPECT_EQ(randomHex(32).size(), 64U);
  EXPECT_NE(randomHex(32), randomHex(32));
  // FIPS 180-2, B.1.
  EXPECT_EQ(sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_FALSE(localPrincipal().empty());
}

}  // namespace
}  // namespace dormouse::client
