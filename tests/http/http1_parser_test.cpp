#include "http/http1_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>

#include "common/clock.h"
#include "http/first_bytes.h"
#include "tests/http/request_log.h"

namespace dormouse::http {
namespace {

using State = Http1Parser::State;

struct Parsed {
  RequestLog log;
  State state = State::kDeciding;
  std::string fault;
  std::string held;
};

/// Feeds `text` in pieces of `chunk` bytes.
Parsed parse(std::string_view text, std::size_t chunk = std::string_view::npos) {
  Parsed result;
  Http1Parser parser;
  while (!text.empty()) {
    const std::string piece(text.substr(0, chunk));  // Its own memory, gone after the call.
    parser.feed(bytesOf(piece), result.log);
    text.remove_prefix(piece.size());
  }
  result.state = parser.state();
  result.fault = parser.fault();
  result.held = textOf(parser.held());
  return result;
}

TEST(Http1Parser, ReadsARequestAndKeepsEveryByteOfIt) {
  const std::string text = "GET /a?b=c HTTP/1.1\r\nHost: pod\r\nX-Odd:  \t two  words \t\r\n\r\n";
  const Parsed parsed = parse(text);
  EXPECT_EQ(parsed.state, State::kHttp);
  ASSERT_EQ(parsed.log.requests.size(), 1U);
  const SeenRequest& request = parsed.log.requests[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a?b=c");
  ASSERT_EQ(request.fields.size(), 2U);
  EXPECT_EQ(request.fields[1], (std::pair<std::string, std::string>("X-Odd", "two  words")));
  EXPECT_EQ(request.raw, text);
  EXPECT_TRUE(request.ended);
}

TEST(Http1Parser, FollowsAPipelineOfEveryKindOfBody) {
  const std::vector<std::string> requests = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "GET /with-body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
      "PUT /none HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      "POST /wait HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;name=\"va;l\"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n",
      "PATCH /ten HTTP/1.0\r\n\r\n",
      "GET http://host/absolute HTTP/1.1\r\nHost: host\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  std::string all;
  for (const std::string& request : requests) all += request;
  for (std::size_t chunk = 1; chunk <= all.size(); ++chunk) {
    const Parsed parsed = parse(all, chunk);
    ASSERT_EQ(parsed.state, State::kHttp) << chunk << parsed.fault;
    ASSERT_EQ(parsed.log.requests.size(), requests.size()) << chunk;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(parsed.log.requests[i].raw, requests[i]) << chunk;
      ASSERT_TRUE(parsed.log.requests[i].ended) << chunk;
    }
    ASSERT_EQ(parsed.log.requests[2].content, "hello");
    ASSERT_EQ(parsed.log.requests[6].content, "hello0123456789");
    ASSERT_EQ(parsed.log.requests[6].fields.size(), 2U) << "a trailer is no header";
    ASSERT_TRUE(parsed.log.other.empty());
  }
}

TEST(Http1Parser, ABodyThatLooksLikeARequestIsABody) {
  const std::string inner = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string outer =
      "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(inner.size()) +
      "\r\n\r\n" + inner;
  const Parsed parsed = parse(outer + outer);
  ASSERT_EQ(parsed.log.requests.size(), 2U);
  EXPECT_EQ(parsed.log.requests[0].content, inner);
}

TEST(Http1Parser, TellsWhatHasNotEndedYet) {
  EXPECT_FALSE(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12345678")
                   .log.requests[0]
                   .ended);
  EXPECT_EQ(parse("GET /path HT").held, "GET /path HT");
  EXPECT_EQ(parse("GET /path HT").state, State::kDeciding);
}

TEST(Http1Parser, DropsEmptyLinesBetweenRequests) {
  const Parsed parsed =
      parse("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", 3);
  ASSERT_EQ(parsed.log.requests.size(), 2U);
  EXPECT_EQ(parsed.log.requests[1].raw, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(Http1Parser, BytesOfAnotherProtocolAreHandedOnWhole) {
  for (const std::string_view text :
       {std::string_view("EHLO mail.example\r\n"), std::string_view("*1\r\n$4\r\nPING\r\n"),
        std::string_view("GET key\r\n"), std::string_view("get /a HTTP/1.1\r\n\r\n"),
        std::string_view("GET /a HTTP/2.0\r\n\r\n"), std::string_view("GET /a\r\n\r\n"),
        std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8), std::string_view("\r\n\r\nGET /"),
        std::string_view("SSH-2.0-OpenSSH_9\r\n"), std::string_view("PRI * HTTP/2.1\r\n\r\n"),
        std::string_view("AVERYLONGWORDTHATISNOMETHODATALL / HTTP/1.1\r\n\r\n")}) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{3}, text.size()}) {
      const Parsed parsed = parse(text, chunk);
      EXPECT_EQ(parsed.state, State::kNotHttp) << text;
      EXPECT_EQ(parsed.log.other, text);
      EXPECT_TRUE(parsed.log.requests.empty());
    }
  }
}

FirstBytes judgeFirstBytes(std::string_view text) {
  return FirstBytesJudge().feed(bytesOf(text));
}

TEST(Http1Parser, MostProtocolsAreDecidedByTheirFirstByte) {
  EXPECT_EQ(judgeFirstBytes("\x16"), FirstBytes::kOther);
  EXPECT_EQ(judgeFirstBytes("*"), FirstBytes::kOther);
  EXPECT_EQ(judgeFirstBytes("g"), FirstBytes::kOther);
  EXPECT_EQ(judgeFirstBytes("EHLO m"), FirstBytes::kOther);
  EXPECT_EQ(judgeFirstBytes("GET /"), FirstBytes::kUndecided);
  EXPECT_EQ(judgeFirstBytes("CONNECT host:443 HTTP/1.1\r"), FirstBytes::kUndecided);
  EXPECT_EQ(judgeFirstBytes("CONNECT host:443 HTTP/1.1\r\n"), FirstBytes::kHttp1);
}

TEST(Http1Parser, KnowsThePrefaceOfHttp2) {
  const std::string text = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + '\0' + '\0';
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{5}, text.size()}) {
    const Parsed parsed = parse(text, chunk);
    EXPECT_EQ(parsed.state, State::kHttp2);
    EXPECT_EQ(parsed.log.other, text);
  }
}

TEST(Http1Parser, AfterUpgradeTheNextBytesDecide) {
  const std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n";
  const std::string frame = "\x81\x85\x01\x02\x03\x04hello";
  const std::string next = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t chunk = 1; chunk < 200; ++chunk) {
    const Parsed taken = parse(upgrade + frame + next, chunk);
    EXPECT_EQ(taken.state, State::kTunnel);
    EXPECT_EQ(taken.log.requests.size(), 1U);
    EXPECT_EQ(taken.log.other, frame + next);
    const Parsed refused = parse(upgrade + next, chunk);
    EXPECT_EQ(refused.state, State::kHttp);
    EXPECT_EQ(refused.log.requests.size(), 2U);
    const Parsed h2c = parse(upgrade + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", chunk);
    EXPECT_EQ(h2c.state, State::kTunnel);
  }
}

TEST(Http1Parser, AfterConnectEverythingIsATunnel) {
  const std::string connect = "CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n";
  const Parsed parsed = parse(connect + "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(parsed.state, State::kTunnel);
  EXPECT_EQ(parsed.log.requests.size(), 1U);
  EXPECT_EQ(parsed.log.other, "GET / HTTP/1.1\r\n\r\n");
}

struct Hostile {
  std::string text;
  std::string fault;  // A part of it; empty: any.
};

class Malformed : public testing::TestWithParam<Hostile> {};

TEST_P(Malformed, IsRefusedWithoutARequest) {
  const std::string good = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::string::npos}) {
    const Parsed parsed = parse(good + GetParam().text + good, chunk);
    EXPECT_EQ(parsed.state, State::kMalformed) << GetParam().text;
    EXPECT_NE(parsed.fault.find(GetParam().fault), std::string::npos) << parsed.fault;
    EXPECT_EQ(parsed.log.requests.size(), 1U) << GetParam().text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Heads, Malformed,
    testing::Values(
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
                ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
                ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", ""},
        Hostile{
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            ""},
        Hostile{
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "coding"},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
                "chunked\r\n\r\n",
                ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", ""},
        Hostile{"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
        Hostile{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", ""},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", "folded"},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A:\r\n\tContent-Length: 4\r\n\r\n", "folded"},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A:\r\n \r\n\r\n", "folded"},
        Hostile{"GET / HTTP/1.1\n\n", "bare LF"},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\n\r\n", "bare LF"},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\n", "bare LF"},
        Hostile{"\nGET / HTTP/1.1\r\n\r\n", ""},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n", ""},
        Hostile{std::string("GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n", 37), ""},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", ""},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\n: v\r\n\r\n", ""},
        Hostile{"GET  / HTTP/1.1\r\n\r\n", ""}, Hostile{"GET / x HTTP/1.1\r\n\r\n", ""},
        Hostile{"GET / HTTP/3.0\r\n\r\n", ""}, Hostile{"nonsense\r\n\r\n", ""},
        Hostile{"GET / HTTP/1.1\r\n\r\n", "without Host"},
        Hostile{"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "Host stands twice"},
        Hostile{"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "Host stands twice"},
        Hostile{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "no host"},
        Hostile{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "no host"},
        Hostile{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", "no host"},
        Hostile{"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", "no host"}));

TEST(Http1Parser, TakesEveryKindOfHost) {
  for (const std::string host :
       {"pod", "pod.ns.svc:8080", "[2001:db8::1]:80", "10.0.0.1", "", "a_b"}) {
    const Parsed parsed = parse("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(parsed.state, State::kHttp) << host << parsed.fault;
  }
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n").log.requests.size(), 1U);
}

TEST(Http1Parser, RefusesBrokenChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body :
       {"x\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "-1\r\n",
        "ffffffffffffffffff\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\nA: b\n\r\n",
        " 5\r\nhello\r\n"}) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{4}, std::string::npos}) {
      const Parsed parsed = parse(head + body + "GET / HTTP/1.1\r\n\r\n", chunk);
      EXPECT_EQ(parsed.state, State::kMalformed) << body;
      ASSERT_EQ(parsed.log.requests.size(), 1U) << body;
      EXPECT_FALSE(parsed.log.requests[0].ended) << body;
    }
  }
}

TEST(Http1Parser, HeadsUpTo64KiB) {
  const auto head = [](std::size_t size) {
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX-Long: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
  };
  for (const std::size_t chunk : {std::size_t{1460}, std::string::npos}) {
    EXPECT_TRUE(parse(head(Http1Parser::kMaxHead), chunk).log.requests.at(0).ended);
    const Parsed tooLong = parse(head(Http1Parser::kMaxHead + 1), chunk);
    EXPECT_EQ(tooLong.state, State::kMalformed);
    EXPECT_NE(tooLong.fault.find("64 KiB"), std::string::npos);
    EXPECT_TRUE(tooLong.log.requests.empty());
  }
}

/// CPU time of this thread that it takes to read a request line of so many bytes, one at a time;
/// the least of some runs, since only more than that can come from elsewhere.
Nanos cpuTimeOfLine(std::size_t size) {
  const std::string line = "GET /" + std::string(size, 'x');
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + Nanos(time.tv_nsec);
  };
  Nanos least = Nanos::max();
  for (int run = 0; run < 5; ++run) {
    Http1Parser parser;
    RequestLog log;
    const Nanos begin = now();
    for (std::size_t i = 0; i < line.size(); ++i) parser.feed(bytesOf(line).subspan(i, 1), log);
    least = std::min(least, now() - begin);
    EXPECT_EQ(parser.state(), State::kDeciding);
  }
  return least;
}

TEST(Http1Parser, AHeadInTinySegmentsCostsNoMoreThanItsLength) {
  // Eight times as many bytes: eight times the work, or 64 times if each looked at all before it.
  const double ratio = static_cast<double>(cpuTimeOfLine(16000).count()) /
                       static_cast<double>(cpuTimeOfLine(2000).count());
  EXPECT_LT(ratio, 24);
}

TEST(Http1Parser, HoldsNoMoreThanTheLimit) {
  Http1Parser parser;
  RequestLog log;
  parser.feed(bytesOf("GET / HTTP/1.1\r\nX: "), log);
  const std::string more(1 << 20, 'x');
  parser.feed(bytesOf(more), log);
  EXPECT_EQ(parser.state(), State::kMalformed);
  EXPECT_TRUE(parser.held().empty());
}

TEST(Http1Parser, LinesBetweenChunksAreLimitedToo) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string extension = "5;a=" + std::string(Http1Parser::kMaxHead, 'x') + "\r\nhello\r\n";
  for (const std::size_t chunk : {std::size_t{1460}, std::string::npos}) {
    EXPECT_EQ(parse(head + extension, chunk).state, State::kMalformed);
  }
}

TEST(Http1Parser, ABodyOfAnySizeIsNeverHeld) {
  Http1Parser parser;
  RequestLog log;
  parser.feed(bytesOf("PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000000\r\n\r\n"), log);
  const std::string part(1 << 20, 'b');
  for (int i = 0; i < 8; ++i) {
    parser.feed(bytesOf(part), log);
    ASSERT_TRUE(parser.held().empty());
    ASSERT_TRUE(parser.midRequest());
  }
  EXPECT_EQ(log.requests[0].content.size(), 8U << 20U);
}

/// A pipeline of random requests, cut at random places.
TEST(Http1Parser, AnyPipelineCutAnywhereComesOutAsItWasSent) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto upTo = [&random](std::size_t n) { return std::size_t{random()} % (n + 1); };
    const auto noise = [&](std::size_t n) {
      std::string text(n, '\0');
      for (char& c : text) c = "\r\n GET/0a:;"[upTo(10)];
      return text;
    };
    std::vector<std::string> raw;
    std::vector<std::string> content;
    for (std::size_t i = 0, count = 1 + upTo(6); i < count; ++i) {
      std::string text = "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n";
      for (std::size_t h = 0, fields = upTo(4); h < fields; ++h) {
        text += "X-" + std::to_string(h) + ": " + std::string(upTo(40), 'v') + "\r\n";
      }
      std::string body;
      if (upTo(1) == 0) {
        body = noise(upTo(300));
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      } else {
        text += "Transfer-Encoding: chunked\r\n\r\n";
        for (std::size_t c = 0, chunks = upTo(4); c < chunks; ++c) {
          const std::string part = noise(1 + upTo(100));
          char size[16];
          std::snprintf(size, sizeof size, upTo(1) == 0 ? "%zx" : "%04zX", part.size());
          text += size + std::string(upTo(1) == 0 ? "" : ";ext=1") + "\r\n" + part + "\r\n";
          body += part;
        }
        text += upTo(1) == 0 ? "0\r\n\r\n" : "0\r\nA: b\r\nC: d\r\n\r\n";
      }
      raw.push_back(text);
      content.push_back(body);
    }
    std::string all;
    for (const std::string& text : raw) all += text;
    Http1Parser parser;
    RequestLog log;
    for (std::string_view rest = all; !rest.empty();) {
      const std::string piece(rest.substr(0, 1 + upTo(60)));
      parser.feed(bytesOf(piece), log);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(parser.state(), State::kHttp) << seed << parser.fault();
    ASSERT_EQ(log.requests.size(), raw.size()) << seed;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      ASSERT_EQ(log.requests[i].raw, raw[i]) << seed;
      ASSERT_EQ(log.requests[i].content, content[i]) << seed;
      ASSERT_TRUE(log.requests[i].ended) << seed;
    }
    ASSERT_FALSE(parser.midRequest());
  }
}

}  // namespace
}  // namespace dormouse::http
