// What --compare calls a difference, and how it finds the two responses to a request.
#include <Poco/DeflatingStream.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "client/comparison.h"
#include "client/response_matcher.h"

namespace dormouse::client {
namespace {

MemberMatcher ignoring(std::initializer_list<const char*> texts) {
  std::vector<MemberPath> paths;
  for (const char* text : texts) paths.push_back(parseMemberPath(text));
  return MemberMatcher(paths);
}

/// "$.a: 1 | 2; $.b: - | true"
std::string textOf(const Differences& differences) {
  std::string text;
  for (const Difference& one : differences.shown) {
    if (!text.empty()) text += "; ";
    text += one.path + ": " + one.pod.value_or("-") + " | " + one.local.value_or("-");
  }
  return text;
}

std::string compared(std::string_view pod, std::string_view local,
                     const MemberMatcher& ignored = ignoring({})) {
  Differences differences;
  compareJson(parseJsonBody(pod), parseJsonBody(local), ignored, differences);
  return textOf(differences);
}

TEST(CompareJson, ComparesByValue) {
  EXPECT_EQ(compared(R"({"a":1,"b":[1,{"c":null}]})", R"( {"b":[1.0,{"c":null}], "a":1e0} )"), "");
  EXPECT_EQ(compared(R"([1,2])", R"([2,1])"), "$[0]: 1 | 2; $[1]: 2 | 1");
  EXPECT_EQ(compared(R"({"a":1})", R"({"a":"1"})"), "$.a: 1 | \"1\"");
  EXPECT_EQ(compared(R"({"a":true})", R"({"a":1})"), "$.a: true | 1");
  EXPECT_EQ(compared(R"({"a":null})", R"({})"), "$.a: null | -");
  EXPECT_EQ(compared(R"({"a":0})", R"({"a":false})"), "$.a: 0 | false");
  EXPECT_EQ(compared(R"({})", R"([])"), "$: {} | []");
  EXPECT_EQ(compared(R"({"a":{"b":[{"c":1}]}})", R"({"a":{"b":[{"c":2},3]}})"),
            "$.a.b[0].c: 1 | 2; $.a.b[1]: - | 3");
  EXPECT_EQ(compared(R"({"x-y":1,"it's":2})", R"({"x-y":2,"it's":3})"),
            R"($['it\'s']: 2 | 3; $['x-y']: 1 | 2)");
  EXPECT_EQ(compared(R"({"n":9007199254740993})", R"({"n":9007199254740992})"),
            "$.n: 9007199254740993 | 9007199254740992")
      << "a double would hold them for the same";
}

TEST(CompareJson, OnlyObjectsAndArraysAreJson) {
  for (const char* text : {"", "  ", "1", "\"a\"", "true", "{", "{}x", "[1]]", "{}}", "<a/>",
                           "{\"a\":1},\"w\":{\"b\":2}", "{\"a\":1,\"a\":2}", "[1,]"}) {
    EXPECT_TRUE(parseJsonBody(text).isEmpty()) << text;
  }
  EXPECT_TRUE(parseJsonBody(std::string(65, '[') + std::string(65, ']')).isEmpty());
  EXPECT_FALSE(parseJsonBody(std::string(64, '[') + std::string(64, ']')).isEmpty());
}

TEST(CompareJson, DifferencesAreBounded) {
  std::string pod = "[";
  std::string local = "[";
  for (int i = 0; i < 500; ++i) {
    pod += (i == 0 ? "" : ",") + std::to_string(i);
    local += std::string(i == 0 ? "" : ",") + "\"" + std::string(1000, 'x') + "\\u0007\"";
  }
  Differences differences;
  compareJson(parseJsonBody(pod + "]"), parseJsonBody(local + "]"), ignoring({}), differences);
  EXPECT_EQ(differences.total, 500U);
  EXPECT_EQ(differences.shown.size(), Differences::kMost);
  EXPECT_LT(differences.shown[0].local->size(), 250U);
  EXPECT_EQ(differences.shown[0].local->find('\a'), std::string::npos);
}

TEST(CompareJson, IgnoresMembersWithAllThatIsInThem) {
  const char* pod = R"({"t":1,"items":[{"id":1,"v":1,"at":{"t":1}},{"id":2,"v":1}],"a b":1})";
  const char* local = R"({"t":2,"items":[{"id":8,"v":1,"at":{"t":2}},{"id":9,"v":2}],"a b":2})";
  EXPECT_EQ(compared(pod, local),
            "$['a b']: 1 | 2; $.items[0].at.t: 1 | 2; $.items[0].id: 1 | 8; $.items[1].id: 2 | 9; "
            "$.items[1].v: 1 | 2; $.t: 1 | 2");
  EXPECT_EQ(compared(pod, local, ignoring({"$.t", "$.items[*].id", "$['a b']"})),
            "$.items[0].at.t: 1 | 2; $.items[1].v: 1 | 2");
  EXPECT_EQ(compared(pod, local, ignoring({"$..t", "$..id", "$['a b']"})), "$.items[1].v: 1 | 2");
  EXPECT_EQ(compared(pod, local, ignoring({"$.items[0]", "$.t"})),
            "$['a b']: 1 | 2; $.items[1].id: 2 | 9; $.items[1].v: 1 | 2");
  EXPECT_EQ(compared(pod, local, ignoring({"$.*[*].at", "$.items[1]", "$..[0].id", "$.t"})),
            "$['a b']: 1 | 2");
  EXPECT_EQ(compared(R"({"a":1,"list":[1]})", R"({"list":[1,2]})", ignoring({"$.a", "$.list[1]"})),
            "")
      << "absent on one side";
}

Answer answer(int status, const std::string& fields, const std::string& body) {
  return {status, "HTTP/1.1 " + std::to_string(status) + " Some\r\n" + fields + "\r\n", body,
          body.size()};
}

std::string gzip(const std::string& text, Poco::DeflatingStreamBuf::StreamType type =
                                              Poco::DeflatingStreamBuf::STREAM_GZIP) {
  std::ostringstream packed;
  Poco::DeflatingOutputStream stream(packed, type);
  stream << text;
  stream.close();
  return packed.str();
}

TEST(CompareAnswers, StatusChosenHeadersAndBody) {
  const CompareRules rules{{"Content-Type", "x-a"}, ignoring({"$.at"})};
  const auto text = [&](const Answer& pod, const Answer& local) {
    return textOf(compareAnswers(pod, local, rules));
  };
  EXPECT_EQ(text(answer(200, "X-B: 1\r\n", "a"), answer(200, "X-B: 2\r\n", "a")), "");
  EXPECT_EQ(text(answer(200, "", ""), answer(500, "", "")), "status: 200 | 500");
  EXPECT_EQ(text(answer(200, "x-A: 1\r\nX-a: 2\r\n", ""), answer(200, "X-A: 1, 2\r\n", "")), "");
  EXPECT_EQ(text(answer(200, "content-type: a/b\r\nX-A: 1\r\n", ""), answer(200, "X-A: \r\n", "")),
            "header Content-Type: a/b | -; header x-a: 1 | ");
  EXPECT_EQ(text(answer(200, "", R"({"at":1,"b":2})"), answer(200, "", R"({"b":2,"at":3})")), "");
  EXPECT_EQ(text(answer(200, "", R"({"b":2})"), answer(200, "", R"({"b":3})")), "$.b: 2 | 3");
  EXPECT_EQ(text(answer(200, "", R"({"b":2})"), answer(200, "", "{b}")),
            "body: 7 bytes, from byte 1 on: \"b\":2} | 3 bytes, from byte 1 on: b}");
  EXPECT_EQ(text(answer(200, "", "same"), answer(200, "", "same and more")),
            "body: 4 bytes | 13 bytes, from byte 4 on:  and more");
}

Answer http2(const std::string& fields, const std::string& body, const std::string& trailers = "") {
  const std::string behind = trailers.empty() ? "" : trailers + "\r\n";
  return {200, "HTTP/2 200\r\n" + fields + "\r\n" + behind, body, body.size()};
}

TEST(CompareAnswers, OfGrpcTheStatusCounts) {
  const auto text = [](const Answer& pod, const Answer& local) {
    return textOf(compareAnswers(pod, local, {{"x-a", "x-t"}, ignoring({})}));
  };
  const std::string grpc = "content-type: application/grpc+proto\r\n";
  const std::string good = "grpc-status: 0\r\n";
  const std::string bad = "grpc-status: 5\r\ngrpc-message: no such: thing\r\n";
  EXPECT_EQ(text(http2(grpc, "m", good), http2(grpc, "m", good)), "");
  EXPECT_EQ(text(http2(grpc, "m", good), http2(grpc, "m", bad)),
            "grpc-status: 0 | 5; grpc-message: - | no such: thing");
  EXPECT_EQ(text(http2(grpc + bad, ""), http2(grpc, "", bad)), "") << "without a message";
  EXPECT_EQ(text(http2(grpc, "", good), http2("", "", "")), "grpc-status: 0 | -");
  EXPECT_EQ(text(http2("", "", good), http2("", "", bad)), "") << "no gRPC";
  EXPECT_EQ(text(http2(grpc, "a", good), http2(grpc, "b", good)),
            "body: 1 bytes, from byte 0 on: a | 1 bytes, from byte 0 on: b");
}

TEST(CompareAnswers, Http2IsComparedLikeHttp1AndWithIt) {
  const CompareRules rules{{"x-a", "x-t"}, ignoring({"$.at"})};
  const auto text = [&](const Answer& pod, const Answer& local) {
    return textOf(compareAnswers(pod, local, rules));
  };
  EXPECT_EQ(text(http2("x-a: 1\r\n", R"({"at":1,"b":2})"), http2("x-a: 1\r\n", R"({"b":3})")),
            "$.b: 2 | 3");
  EXPECT_EQ(text(http2("x-a: 1\r\n", "a"), answer(200, "X-A: 2\r\n", "a")), "header x-a: 1 | 2");
  EXPECT_EQ(text(http2("", "a", "x-t: 1\r\n"), http2("", "a", "x-t: 2\r\n")), "header x-t: 1 | 2");
  EXPECT_EQ(text({200, "HTTP/2 2", "a", 1}, http2("", "a")), "") << "a head that is none";
}

TEST(CompareAnswers, BodiesThatAreNotWhole) {
  Answer pod = answer(200, "", R"({"a":1})");
  Answer local = answer(200, "", R"({"a":1})");
  pod.bodyBytes = local.bodyBytes = 1000;
  EXPECT_EQ(textOf(compareAnswers(pod, local, {})), "") << "all that is known is the same";
  local.bodyBytes = 1001;
  EXPECT_EQ(textOf(compareAnswers(pod, local, {})), "body: 1000 bytes | 1001 bytes");
}

TEST(CompareAnswers, CompressedBodiesByTheirContent) {
  const std::string coded = "Content-Encoding: gzip\r\n";
  const std::string plain = R"({"list":[1,2,3]})";
  EXPECT_EQ(textOf(compareAnswers(answer(200, coded, gzip(plain)), answer(200, "", plain), {})),
            "");
  EXPECT_EQ(
      textOf(compareAnswers(answer(200, coded, gzip(R"({"list":[1]})")),
                            answer(200, "content-encoding: deflate\r\n",
                                   gzip(R"({"list":[2]})", Poco::DeflatingStreamBuf::STREAM_ZLIB)),
                            {})),
      "$.list[0]: 1 | 2");
  // A bomb and a broken one are compared as they are.
  const std::string bomb = gzip(std::string(8 << 20, ' '));
  EXPECT_EQ(textOf(compareAnswers(answer(200, coded, bomb), answer(200, coded, bomb), {})), "");
  EXPECT_NE(textOf(compareAnswers(answer(200, coded, "\x1f\x8bxx"), answer(200, coded, bomb), {})),
            "");
}

/// A matcher, and what it has found.
class Matcher : public testing::Test {
 protected:
  void pod(std::uint64_t connection, std::uint32_t request, int status, const std::string& body) {
    const Answer one = answer(status, "", body);
    wire::ResponseFrame frame;
    frame.connection = connection;
    frame.request = request;
    frame.status = static_cast<std::uint16_t>(status);
    frame.bodyBytes = body.size();
    frame.head = bytesOf(one.head);
    frame.body = bytesOf(one.body);
    matcher_.podResponse(frame);
  }
  void podMissing(std::uint64_t connection, std::uint32_t request, Reason why) {
    wire::ResponseFrame frame;
    frame.connection = connection;
    frame.request = request;
    frame.missing = why;
    matcher_.podResponse(frame);
  }
  void beginHttp2(std::uint64_t connection, std::uint32_t number, const std::string& path) {
    wire::RequestFrame frame;
    frame.connection = connection;
    frame.request = number;
    frame.fields = {{":method", "GET"}, {":scheme", "http"}, {":path", path}};
    matcher_.begin(frame);
  }
  void localHttp2(std::uint64_t connection, std::uint32_t number, const std::string& body) {
    http::PairedResponse response;
    response.status = 200;
    response.head = "HTTP/2 200\r\n\r\n";
    response.body = body;
    response.bodyBytes = body.size();
    matcher_.localHttp2Answer(connection, number, &response, Reason::kNone);
  }
  void request(std::uint64_t connection, const std::string& text) {
    matcher_.request(connection, bytesOf(text));
  }
  void local(std::uint64_t connection, const std::string& text) {
    matcher_.localResponse(connection, bytesOf(text));
  }
  static std::span<const std::uint8_t> bytesOf(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }
  std::uint64_t podLacks(Reason why) const {
    return comparison_.counts().podMissing[static_cast<std::size_t>(why)];
  }
  std::uint64_t localLacks(Reason why) const {
    return comparison_.counts().localMissing[static_cast<std::size_t>(why)];
  }

  std::vector<DifferentRequest> found_;
  Comparison comparison_{{}, [this](const DifferentRequest& one) { found_.push_back(one); }};
  ResponseMatcher matcher_{"pod/a", comparison_};
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(Matcher, FindsTheTwoResponsesInWhateverOrder) {
  matcher_.open(1);
  request(1, "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nHEAD /c HTTP/1.1\r\nHost: x\r\n\r\nGET /d");
  pod(1, 1, 200, "ok");
  EXPECT_EQ(comparison_.counts().compared(), 0U);
  local(1, std::string(kOk) + "HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(comparison_.counts().equal, 1U);
  request(1, " HTTP/1.1\r\nHost: x\r\n\r\n");
  local(1, "HTTP/1.1 200 O");
  local(1, "K\r\nContent-Length: 4\r\n\r\nhere");
  pod(1, 3, 200, "there");
  pod(1, 2, 200, "");
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_EQ(found_[0].method + " " + found_[0].target, "GET /d");
  EXPECT_EQ(found_[1].method + " " + found_[1].target, "HEAD /c");
  EXPECT_EQ(found_[1].pod, "pod/a");
  EXPECT_EQ(found_[1].podStatus, 200);
  EXPECT_EQ(found_[1].localStatus, 404);
  EXPECT_EQ(comparison_.counts().verdict(), "3 responses compared: 1 equal, 2 different");
  EXPECT_TRUE(comparison_.counts().complete());
}

TEST_F(Matcher, ABodyWithoutALengthEndsWithTheLocalConnection) {
  matcher_.open(1);
  request(1, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  local(1, "HTTP/1.0 200 OK\r\n\r\nhel");
  local(1, "lo");
  pod(1, 1, 200, "hello");
  EXPECT_EQ(comparison_.counts().compared(), 0U);
  matcher_.localEnded(1, Reason::kNone);
  EXPECT_EQ(comparison_.counts().equal, 1U);
}

TEST_F(Matcher, WhatIsMissingIsCountedOnTheSideThatLacksIt) {
  matcher_.open(1);
  request(1, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  podMissing(1, 1, Reason::kGap);
  local(1, kOk);
  pod(1, 2, 200, "ok");
  matcher_.localEnded(1, Reason::kNone);
  request(1, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  matcher_.open(2);
  request(2, "GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
  matcher_.localEnded(2, Reason::kSinkRefused);
  pod(2, 1, 200, "ok");
  EXPECT_EQ(podLacks(Reason::kGap), 1U);
  EXPECT_EQ(localLacks(Reason::kUnanswered), 2U);
  EXPECT_EQ(localLacks(Reason::kSinkRefused), 1U);
  EXPECT_FALSE(comparison_.counts().complete());
  EXPECT_EQ(
      comparison_.counts().verdict(),
      "no responses compared; 4 not compared: the pod's missing (gap 1), the local one missing "
      "(sink-refused 1, unanswered 2)");
}

TEST_F(Matcher, RequestsOfHttp2AreFoundByTheirNumber) {
  matcher_.open(1);
  beginHttp2(1, 1, "/1?q");
  beginHttp2(1, 3, "/3");
  beginHttp2(1, 5, "/5");
  beginHttp2(1, 7, "/7");
  beginHttp2(1, 9, "/9");
  localHttp2(1, 3, "three");
  pod(1, 1, 200, "one");
  pod(1, 3, 200, "three");
  localHttp2(1, 1, "two");
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0].method + " " + found_[0].target, "GET /1?q");
  matcher_.localHttp2Answer(1, 5, nullptr, Reason::kSinkRefused);
  localHttp2(1, 5, "too late");
  localHttp2(1, 7, "seven");
  matcher_.localHttp2Answer(1, 7, nullptr, Reason::kSinkClosed);
  pod(1, 7, 200, "seven");
  podMissing(1, 5, Reason::kGap);
  matcher_.localEnded(1, Reason::kUnanswered);
  EXPECT_EQ(comparison_.counts().equal, 2U);
  EXPECT_EQ(localLacks(Reason::kSinkRefused), 1U);
  EXPECT_EQ(localLacks(Reason::kUnanswered), 1U) << "that of request 9";
  EXPECT_EQ(comparison_.counts().notCompared(), 2U);
}

TEST_F(Matcher, TheStreamsEndIsNotTheLocalProgramsEnd) {
  matcher_.open(1);
  request(1, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  pod(1, 1, 200, "ok");
  matcher_.podEnded();
  EXPECT_EQ(podLacks(Reason::kMirrorEnded), 1U);
  EXPECT_EQ(comparison_.counts().notCompared(), 1U);
  local(1, kOk);
  EXPECT_EQ(comparison_.counts().equal, 1U);
  EXPECT_TRUE(comparison_.counts().complete()) << "what the end cut off is nobody's fault";
}

TEST_F(Matcher, OtherProtocolsAndUnknownConnectionsAreLeftAlone) {
  matcher_.open(1);
  request(1, "*1\r\n$4\r\nPING\r\n");
  local(1, "+PONG\r\n");
  pod(1, 1, 200, "ok");
  pod(9, 1, 200, "ok");
  local(9, kOk);
  matcher_.closed(1);
  matcher_.localEnded(1, Reason::kNone);
  matcher_.podEnded();
  EXPECT_EQ(comparison_.counts(), CompareCounts{});
}

TEST_F(Matcher, WhatIsHeldIsBounded) {
  const std::string body(wire::kMaxResponseBody, 'b');
  constexpr int kConnections = 400;  // 100 MiB.
  for (std::uint64_t i = 1; i <= kConnections; ++i) {
    matcher_.open(i);
    request(i, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    pod(i, 1, 200, body);
  }
  const std::uint64_t shed = localLacks(Reason::kOverBudget);
  EXPECT_GT(shed, 140U);
  EXPECT_LT(shed, 160U);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::uint64_t i = 1; i <= kConnections; ++i) {
    matcher_.closed(i);
    local(i, answer);
    matcher_.localEnded(i, Reason::kNone);
  }
  EXPECT_GT(comparison_.counts().equal, 200U);
  EXPECT_EQ(comparison_.counts().equal + comparison_.counts().notCompared(), kConnections);
}

}  // namespace
}  // namespace dormouse::client
