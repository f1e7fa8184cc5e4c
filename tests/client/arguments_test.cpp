#include "client/arguments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "client/byte_queue.h"
#include "client/display.h"

namespace dormouse::client {
namespace {

using Words = std::vector<std::string>;

struct Wrong {
  Words words;  // Behind --url http://h --token t.
  const char* sentence;
};

class ArgumentsRefused : public testing::TestWithParam<Wrong> {};

TEST_P(ArgumentsRefused, SaysWhatIsWrong) {
  Words words = {"--url", "http://h", "--token", "t"};
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  try {
    parseArguments(words, nullptr);
    FAIL() << "taken";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().sentence), std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ArgumentsRefused,
    testing::Values(
        Wrong{{}, "no port"}, Wrong{{"pcap"}, "no port"},
        Wrong{{"pcap", "8080:3000"}, "no local port"}, Wrong{{"8080", "8080:9"}, "given twice"},
        Wrong{{"0"}, "no port pair"}, Wrong{{"65536"}, "no port pair"},
        Wrong{{"8080:"}, "no port pair"}, Wrong{{"80:81:82"}, "no port pair"},
        Wrong{{"80", "--ttl", "soon"}, "--ttl"}, Wrong{{"80", "--ttl", "0"}, "--ttl"},
        Wrong{{"80", "--protocol", "sctp"}, "--protocol"},
        Wrong{{"80", "--source", "10.0.0.1/8"}, "--source"},
        Wrong{{"80", "--midstream", "no"}, "--midstream"},
        Wrong{{"80", "--method", "A B"}, "--method"}, Wrong{{"80", "--path", ""}, "--path"},
        Wrong{{"80", "--path", "a", "--path", "b"}, "--path"},
        Wrong{{"80", "--header", "x"}, "--header"}, Wrong{{"80", "--percent", "101"}, "--percent"},
        Wrong{{"80", "--by", "trace"}, "--by"}, Wrong{{"80", "--rate", "0"}, "--rate"},
        Wrong{{"80", "--redact", "a b"}, "--redact"},
        Wrong{{"80", "--redact", "json:password"}, "--redact"},
        Wrong{{"80", "--mark", "--protocol", "udp"}, "--protocol"},
        Wrong{{"pcap", "80", "--path", "/"}, "--path: pcap"},
        Wrong{{"pcap", "80", "--mark"}, "--mark: pcap"}, Wrong{{"80", "--buffer", "0"}, "--buffer"},
        Wrong{{"80", "--buffer", "1MB"}, "--buffer"},
        Wrong{{"80", "--buffer", "65GiB"}, "--buffer"},
        Wrong{{"80", "--output", "xml"}, "--output"}, Wrong{{"80", "--write", "f"}, "--write"},
        Wrong{{"80", "--token-file", "f"}, "exclude"}, Wrong{{"80", "--tok", "t"}, "--tok"},
        Wrong{{"80", "--colour"}, "--colour"}, Wrong{{"exec"}, "no program"},
        Wrong{{"exec", "--"}, "no program"}, Wrong{{"exec", "8080", "--", "a"}, "behind --"},
        Wrong{{"exec", "--map", "3000", "--", "a"}, "--map"},
        Wrong{{"exec", "--map", "1:2", "--map", "1:3", "--", "a"}, "given twice"},
        Wrong{{"exec", "--to-host", "h", "--", "a"}, "--to-host"},
        Wrong{{"exec", "--write", "f", "--", "a"}, "--write"},
        Wrong{{"exec", "--protocol", "sctp", "--", "a"}, "--protocol"},
        Wrong{{"80", "--map", "3000:8080"}, "--map belongs to exec"}));

TEST(Arguments, TakeEverything) {
  const Arguments arguments =
      parseArguments({"--url",       "https://h:1", "8080:3000", "9090", "--protocol", "udp",
                      "--source",    "10.0.0.0/8",  "--source",  "::1",  "--ttl",      "90m",
                      "--midstream", "raw",         "--buffer",  "2MiB", "--to-host",  "10.0.0.1",
                      "--output",    "json",        "-q"},
                     "from-environment");
  EXPECT_EQ(arguments.command, Command::kMirror);
  EXPECT_EQ(arguments.token, "from-environment");
  ASSERT_EQ(arguments.pairs.size(), 2U);
  EXPECT_EQ(arguments.pairs[0].remote, 8080);
  EXPECT_EQ(arguments.pairs[0].local, 3000);
  EXPECT_EQ(arguments.pairs[1].local, 9090);
  EXPECT_EQ(arguments.spec.ports, (std::vector<std::uint16_t>{8080, 9090}));
  EXPECT_EQ(arguments.spec.protocol, wire::Protocol::kUdp);
  EXPECT_EQ(arguments.spec.sources.size(), 2U);
  EXPECT_EQ(arguments.spec.ttl, std::chrono::minutes(90));
  EXPECT_EQ(arguments.spec.format, wire::Format::kFrames);
  EXPECT_EQ(arguments.bufferBytes, 2U << 20);
  EXPECT_TRUE(arguments.json);
}

TEST(Arguments, SelectRequestsAsTheQueryDoes) {
  const Arguments arguments = parseArguments({"--url",
                                              "http://h",
                                              "80",
                                              "--method",
                                              "GET,PUT",
                                              "--method",
                                              "safe",
                                              "--path",
                                              "^/a",
                                              "--header",
                                              "x: y",
                                              "--header=z:^1,2$",
                                              "--percent",
                                              "12.5",
                                              "--by",
                                              "cookie:sid",
                                              "--rate",
                                              "7",
                                              "--probes",
                                              "--redact",
                                              "Cookie",
                                              "--redact",
                                              "json:$.a,cookie:b",
                                              "--mark"},
                                             "token");
  const wire::RequestSelection& requests = arguments.spec.requests;
  EXPECT_EQ(requests.methods, (Words{"GET", "PUT", "safe"}));
  EXPECT_EQ(requests.path, "^/a");
  ASSERT_EQ(requests.headers.size(), 2U);
  EXPECT_EQ(requests.headers[0].pattern, " y");
  EXPECT_EQ(requests.headers[1].pattern, "^1,2$");
  EXPECT_EQ(requests.percent, 12.5);
  EXPECT_EQ(requests.by, "cookie:sid");
  EXPECT_EQ(requests.rate, 7U);
  EXPECT_EQ(requests.probes, true);
  EXPECT_EQ(arguments.spec.redact, (Words{"cookie", "json:$.a", "cookie:b"}));
  EXPECT_TRUE(arguments.spec.mark);
  EXPECT_FALSE(parseArguments({"--url", "http://h", "80"}, "token").spec.ofRequests());
}

TEST(Arguments, ExecLeavesItsProgramsWordsAlone) {
  const Arguments arguments =
      parseArguments({"exec", "pod/web-0", "--map", "3000:8080", "--protocol", "udp", "--",
                      "./server", "--map", "--help", "--", "exec"},
                     "t");
  EXPECT_EQ(arguments.command, Command::kExec);
  EXPECT_EQ(arguments.target.text(), "pod/web-0");
  EXPECT_EQ(arguments.exec.command, (Words{"./server", "--map", "--help", "--", "exec"}));
  EXPECT_EQ(arguments.exec.map.remoteOf(follow::Protocol::kUdp, 3000, follow::Chosen::kByProgram),
            8080);
  EXPECT_FALSE(arguments.exec.tcp);
  EXPECT_TRUE(arguments.exec.udp);
  EXPECT_TRUE(arguments.pairs.empty());
  EXPECT_EQ(parseArguments({"exec", "--help", "--", "a"}, "t").command, Command::kHelp);
}

TEST(Arguments, DashesWithoutExecEndTheOptionsAlone) {
  const Arguments arguments = parseArguments({"pod/web-0", "--", "8080:3000"}, "t");
  ASSERT_EQ(arguments.pairs.size(), 1U);
  EXPECT_EQ(arguments.pairs[0].local, 3000);
}

TEST(Arguments, TheTokenFileBeatsTheEnvironmentAndLosesOneNewline) {
  const std::string path = testing::TempDir() + "arguments_test_token";
  std::ofstream(path) << "secret\n";
  const Words words = {"--url", "http://h", "--token-file", path, "80"};
  EXPECT_EQ(parseArguments(words, "other").token, "secret");
  for (const char* bad : {"", "\n", "two\n\n", "a b", "a\r\nX: y"}) {
    std::ofstream(path) << bad;
    EXPECT_THROW(parseArguments(words, nullptr), UsageError) << bad;
  }
  EXPECT_THROW(
      parseArguments({"--url", "http://h", "80", "--token-file", path + "-absent"}, nullptr),
      UsageError);
  EXPECT_THROW(parseArguments({"--url", "http://h", "80"}, nullptr), UsageError);
}

TEST(ByteQueue, KeepsOrderAndTheCap) {
  BufferCap cap(200'000);
  ByteQueue one(cap);
  ByteQueue two(cap);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(1500, static_cast<char>('a' + i % 26));
    expected += piece;
    ASSERT_TRUE(one.push({reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()}));
  }
  const std::vector<std::uint8_t> big(50'001);
  EXPECT_FALSE(two.push(big));
  EXPECT_TRUE(two.push(std::span(big).first(50'000)));
  EXPECT_EQ(cap.used(), 200'000U);
  std::string got;
  while (!one.empty()) {
    const auto part = one.front().first(std::min<std::size_t>(one.front().size(), 777));
    got.append(part.begin(), part.end());
    one.pop(part.size());
  }
  EXPECT_EQ(got, expected);
  two.clear();
  EXPECT_EQ(cap.used(), 0U);
}

TEST(Display, RewritesTheLiveLineFiveTimesASecondAndPlainLinesEveryFiveSeconds) {
  ManualClock clock;
  std::ostringstream live;
  std::ostringstream plain;
  Display liveDisplay(Style::kLive, live, clock);
  Display plainDisplay(Style::kPlain, plain, clock);
  for (std::uint64_t i = 1; i <= 100; ++i) {  // Ten seconds.
    Progress progress;
    progress.connections = i;
    liveDisplay.progress(progress);
    plainDisplay.progress(progress);
    clock.advance(std::chrono::milliseconds(100));
  }
  const auto count = [](const std::string& text, char c) {
    return std::count(text.begin(), text.end(), c);
  };
  EXPECT_EQ(count(live.str(), '\r'), 50);
  EXPECT_EQ(count(live.str(), '\n'), 0);
  EXPECT_EQ(count(plain.str(), '\n'), 2);
}

}  // namespace
}  // namespace dormouse::client
