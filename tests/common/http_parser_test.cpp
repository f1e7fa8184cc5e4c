#include "common/http_parser.h"

#include <gtest/gtest.h>

#include "common/problem.h"
#include "common/query.h"

namespace dormouse {
namespace {

int statusOf(const std::string& head) {
  try {
    const HttpRequest request = parseHead(head);
    bodyFraming(request, {});
    return 200;
  } catch (const Problem& problem) {
    return problem.status();
  }
}

TEST(HeadLengthTest, FindsTheEmptyLine) {
  EXPECT_EQ(0U, headLength(""));
  EXPECT_EQ(0U, headLength("\r\n\r\n"));
  EXPECT_EQ(0U, headLength("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(0U, headLength("GET / HTTP/1.1\r\n\r"));
  EXPECT_EQ(18U, headLength("GET / HTTP/1.1\r\n\r\nrest"));
  EXPECT_EQ(20U, headLength("\r\nGET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(16U, headLength("GET / HTTP/1.1\n\n"));
}

TEST(ParseHeadTest, SplitsTheRequest) {
  const HttpRequest request =
      parseHead("POST /a%2Fb%20c?x=1&y HTTP/1.1\r\nHost: h\r\nx-Thing:  spaced \r\n\r\n");
  EXPECT_EQ("POST", request.method);
  EXPECT_EQ("/a/b c", request.path);
  EXPECT_EQ("x=1&y", request.query);
  EXPECT_EQ("spaced", request.header("X-Thing"));
  EXPECT_EQ("", request.header("Absent"));
  EXPECT_TRUE(request.http11);
  EXPECT_EQ("/x", parseHead("GET http://h:80/x HTTP/1.1\r\nHost: h\r\n\r\n").path);
  EXPECT_EQ("/", parseHead("GET http://h HTTP/1.0\r\n\r\n").path);
}

TEST(ParseHeadTest, RefusesWhatIsNoRequest) {
  const std::string host = "Host: h\r\n";
  EXPECT_EQ(200, statusOf("GET / HTTP/1.1\r\n" + host + "\r\n"));
  for (const std::string& head : std::vector<std::string>{
           std::string("GET /\r\n\r\n"), std::string("GET  / HTTP/1.1\r\n\r\n"),
           " GET / HTTP/1.1\r\n" + host + "\r\n", "G\x01T / HTTP/1.1\r\n" + host + "\r\n",
           "GET / HTTP/1.1\r\n\r\n" /* no Host */ + std::string(),
           "GET x HTTP/1.1\r\n" + host + "\r\n", "GET * HTTP/1.1\r\n" + host + "\r\n",
           "GET /%zz HTTP/1.1\r\n" + host + "\r\n", "GET /% HTTP/1.1\r\n" + host + "\r\n",
           "GET / HTTP/1.1\r\n" + host + host + "\r\n",
           "GET / HTTP/1.1\r\n" + host + " folded\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + ": v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Name : v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + std::string("a: \0b\r\n\r\n", 9),
           "GET / HTTP/1.1\r\n" + host + "a: b\rc\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Authorization: a\r\nauthorization: b\r\n\r\n"}) {
    EXPECT_EQ(400, statusOf(head)) << head;
  }
  EXPECT_EQ(505, statusOf("GET / HTTP/2.0\r\n" + host + "\r\n"));
}

TEST(BodyFramingTest, RefusesContradictionsAndExcess) {
  const auto with = [](const std::string& fields) {
    return statusOf("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
  };
  EXPECT_EQ(200, with("Content-Length: 65536\r\n"));
  EXPECT_EQ(413, with("Content-Length: 65537\r\n"));
  EXPECT_EQ(413, with("Content-Length: 99999999999999999999999\r\n"));
  for (const char* length : {"-1", "+1", "1x", "0x10", "", "1, 1", "1 1"}) {
    EXPECT_EQ(400, with(std::string("Content-Length: ") + length + "\r\n")) << length;
  }
  EXPECT_EQ(400, with("Content-Length: 1\r\nContent-Length: 1\r\n"));
  EXPECT_EQ(400, with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_EQ(200, with("Transfer-Encoding: Chunked\r\n"));
  EXPECT_EQ(501, with("Transfer-Encoding: gzip, chunked\r\n"));
  EXPECT_EQ(400, statusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST(ChunkedDecoderTest, AnySplitGivesTheSameBodyAndLeavesTheRest) {
  const std::string coded = "4\r\nWiki\r\nA;e=\"v\"\r\n0123456789\r\n0\r\nT: x\r\n\r\nNEXT";
  for (std::size_t split = 0; split <= coded.size(); ++split) {
    ChunkedDecoder decoder({});
    std::string bytes = coded.substr(0, split);
    decoder.feed(bytes);
    bytes += coded.substr(split);
    decoder.feed(bytes);
    ASSERT_TRUE(decoder.done()) << split;
    EXPECT_EQ("Wiki0123456789", decoder.takeBody());
    EXPECT_EQ("NEXT", bytes);
  }
}

TEST(ChunkedDecoderTest, RefusesMalformedAndTooLargeBodies) {
  const auto status = [](std::string bytes) {
    ChunkedDecoder decoder({1024, 16});
    try {
      decoder.feed(bytes);
      return 200;
    } catch (const Problem& problem) {
      return problem.status();
    }
  };
  EXPECT_EQ(200, status("10\r\n0123456789abcdef\r\n0\r\n\r\n"));
  EXPECT_EQ(413, status("11\r\n"));
  EXPECT_EQ(413, status("8\r\n01234567\r\n9\r\n"));
  EXPECT_EQ(413, status("ffffffffffffffffffff\r\n"));
  for (const char* bytes : {"x\r\n", "-1\r\n", "\r\n", "1\n", "1\r\nab\r\n", "1x\r\n"}) {
    EXPECT_EQ(400, status(bytes)) << bytes;
  }
  EXPECT_EQ(400, status("1;" + std::string(2000, 'e')));
}

TEST(QueryTest, DecodesInOrderAndKeepsDuplicates) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ((Pairs{{"a", "1"}, {"b", "x y+z"}, {"a", ""}, {"c", "="}}),
            parseQuery("a=1&b=x+y%2Bz&&a&c=%3d"));
  EXPECT_EQ(Pairs{}, parseQuery(""));
  for (const char* query : {"a=%", "a=%1", "a=%1g", "%zz=1", "a=1&b=%G0"}) {
    EXPECT_THROW(parseQuery(query), Problem) << query;
  }
}

}  // namespace
}  // namespace dormouse
