#include "client/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <system_error>

#include "tests/client/process.h"

namespace dormouse::client {
namespace {

using testing::HasSubstr;

class Heard final : public ChildListener {
 public:
  void onOutput(std::string_view bytes) override { out += bytes; }
  void onErrorOutput(std::string_view bytes) override { err += bytes; }
  void onExit(int code) override {
    EXPECT_EQ(status, -1) << "told twice";
    status = code;
  }

  /// Turns the loop until the child has ended or `text` was said; false after 20 s.
  bool await(EventLoop& loop, const std::string& text = "\n\n\n") {
    const SystemClock clock;
    const TimePoint end = clock.now() + std::chrono::seconds(20);
    while (status < 0 && out.find(text) == std::string::npos) {
      if (clock.now() >= end) return false;
      loop.poll(end, clock);
    }
    return true;
  }

  std::string out;
  std::string err;
  int status = -1;
};

Heard heardOf(const std::vector<std::string>& arguments) {
  EventLoop loop;
  Heard heard;
  const ChildProcess child(arguments, loop, heard);
  EXPECT_TRUE(heard.await(loop));
  return heard;
}

TEST(ChildProcess, TellsEverythingBeforeItsExitCode) {
  const Heard heard =
      heardOf({"/bin/sh", "-c", "head -c 3000000 /dev/zero; echo oops >&2; exit 7", "$x;`y`"});
  EXPECT_EQ(heard.out.size(), 3'000'000U);
  EXPECT_EQ(heard.err, "oops\n");
  EXPECT_EQ(heard.status, 7);
  EXPECT_EQ(heardOf({"/bin/sh", "-c", "kill -9 $$"}).status, 128 + SIGKILL);
}

TEST(ChildProcess, HasNoInputAndNoDescriptorOfOurs) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);  // Not close-on-exec.
  // ls opens one itself.
  EXPECT_EQ(heardOf({"/bin/ls", "/proc/self/fd"}).out, "0\n1\n2\n3\n");
  EXPECT_EQ(heardOf({"/bin/cat"}).status, 0);
  for (const int fd : pair) ::close(fd);
}

TEST(ChildProcess, ThatCannotBeStartedThrows) {
  EventLoop loop;
  Heard heard;
  try {
    const ChildProcess child({"/no/such/program"}, loop, heard);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_THAT(error.what(), HasSubstr("/no/such/program"));
  }
}

TEST(ChildProcess, TakesItsOwnChildrenAlong) {
  EventLoop loop;
  Heard heard;
  {
    const ChildProcess child({"/bin/sh", "-c", "sleep 1000 & echo $!; wait"}, loop, heard);
    ASSERT_TRUE(heard.await(loop, "\n"));
    ASSERT_EQ(heard.status, -1);
  }
  EXPECT_TRUE(awaitEnd(std::stoi(heard.out)));
}

}  // namespace
}  // namespace dormouse::client
