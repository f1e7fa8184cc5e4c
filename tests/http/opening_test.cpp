#include "http/opening.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "http/head_parser.h"
#include "http/http2_upgrade.h"
#include "tests/http/request_log.h"
#include "tests/support/http2_peers.h"

namespace dormouse::http {
namespace {

using Answer = Opening::Answer;
using dormouse::testing::http2Frame;

const std::string kHello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);

TEST(Opening, IsDecidedInOnePiece) {
  for (const auto& [text, answer] : std::vector<std::pair<std::string, Answer>>{
           {kHello, Answer::kTls},
           {std::string(kHttp2Preface) + "more", Answer::kHttp2},
           {"GET / HTTP/1.1\r\n", Answer::kOther},
           {"PRI * HTTP/2.0\r\n\r\nSX", Answer::kOther},
           {"PUT", Answer::kOther},
           {"\n", Answer::kOther}}) {
    Opening opening;
    EXPECT_EQ(opening.feed(bytesOf(text)), answer) << text;
    EXPECT_TRUE(opening.held().empty());
  }
}

TEST(Opening, HoldsWhatMayBecomeEither) {
  for (const auto& [text, answer] : std::vector<std::pair<std::string, Answer>>{
           {std::string(kHttp2Preface), Answer::kHttp2}, {kHello.substr(0, 6), Answer::kTls}}) {
    Opening opening;
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      ASSERT_EQ(opening.feed(bytesOf(text).subspan(i, 1)), Answer::kUndecided) << i;
      ASSERT_EQ(textOf(opening.held()), text.substr(0, i + 1));
    }
    EXPECT_EQ(opening.feed(bytesOf(text).last(1)), answer);
  }
}

TEST(Opening, GivesUpAtTheFirstByteThatDiffers) {
  for (const auto& [held, next] : std::vector<std::pair<std::string, std::string>>{
           {"PRI * HT", "x"}, {"P", kHello}, {"\x16\x03", "PRI"}, {"\x16", "\x16"}}) {
    Opening opening;
    ASSERT_EQ(opening.feed(bytesOf(held)), Answer::kUndecided);
    EXPECT_EQ(opening.feed(bytesOf(next)), Answer::kOther) << held;
    EXPECT_EQ(textOf(opening.held()), held);
  }
}

TEST(Http2Frames, ASegmentOfWholeFramesLooksLikeHttp2) {
  const std::string window = http2Frame(8, 0, 0, std::string("\0\0\1\0", 4));
  const std::string data = http2Frame(0, 0, 5, std::string(100, 'x'));
  EXPECT_TRUE(looksLikeHttp2(bytesOf(window)));
  EXPECT_TRUE(looksLikeHttp2(bytesOf(window + data + http2Frame(6, 1, 0, "12345678"))));
  EXPECT_TRUE(looksLikeHttp2(bytesOf(http2Frame(8, 0, 7, "1234"))));
}

TEST(Http2Frames, OtherBytesDoNot) {
  const std::string data = http2Frame(0, 0, 5, std::string(100, 'x'));
  for (const std::string& text :
       {std::string(), std::string(9, '\0'), std::string(1460, '\0'), data + "x",
        data.substr(0, 50), std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        http2Frame(0, 0, 4, "x"), http2Frame(0, 0, 0, "x"), http2Frame(5, 0, 1, "1234"),
        http2Frame(11, 0, 1, ""), http2Frame(4, 0, 1, ""), http2Frame(4, 0, 0, "12345"),
        http2Frame(6, 0, 0, "1234567"), http2Frame(3, 0, 1, "123"), http2Frame(8, 0, 2, "1234"),
        http2Frame(0, 2, 1, ""), http2Frame(0, 0, 1, std::string(20000, 'x')),
        http2Frame(0, 0, 0x80000001, "x")}) {
    EXPECT_FALSE(looksLikeHttp2(bytesOf(text))) << text.size();
  }
}

class Http2Upgrade : public ::testing::Test {
 protected:
  const RequestHead& parse(const std::string& text) {
    text_ = text;
    EXPECT_EQ(parseHead(bytesOf(text_), fields_, head_), "");
    return head_;
  }
  std::string text_;
  std::vector<HeaderField> fields_;
  RequestHead head_;
};

constexpr const char* kAsking =
    "POST /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, x-kept\r\n"
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\n";

TEST_F(Http2Upgrade, TheQuestionIsTakenOutOfTheHead) {
  ASSERT_TRUE(asksForHttp2(parse(kAsking)));
  const std::string plain = withoutHttp2Question(head_);
  EXPECT_EQ(plain,
            "POST /up HTTP/1.1\r\nHost: a\r\nConnection: x-kept\r\nX-Kept: 1\r\n"
            "Content-Length: 2\r\n\r\n");
  const RequestHead& again = parse(plain);
  EXPECT_FALSE(again.upgrade);
  EXPECT_EQ(again.length, 2U);
}

TEST_F(Http2Upgrade, OtherUpgradesAreNoQuestion) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n";
  EXPECT_FALSE(asksForHttp2(parse(begin + "Upgrade: websocket\r\n\r\n")));
  EXPECT_FALSE(asksForHttp2(parse(begin + "Upgrade: h2c\r\n\r\n")));
  EXPECT_FALSE(asksForHttp2(parse(begin + "Upgrade: websocket, h2c\r\nHTTP2-Settings: \r\n\r\n")));
}

TEST_F(Http2Upgrade, TheNextBytesTellWhetherItWasGranted) {
  const std::string asked = std::string(kAsking) + "hi";
  RequestLog log;
  Http1Parser granted;
  EXPECT_EQ(granted.feed(bytesOf(asked + std::string(kHttp2Preface) + "rest"), log),
            Http1Parser::State::kHttp2);
  EXPECT_EQ(log.other, std::string(kHttp2Preface) + "rest");
  EXPECT_TRUE(log.requests.at(0).ended);
  RequestLog goesOn;
  Http1Parser refused;
  refused.feed(bytesOf(asked + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"), goesOn);
  EXPECT_EQ(goesOn.requests.size(), 2U);
}

}  // namespace
}  // namespace dormouse::http
