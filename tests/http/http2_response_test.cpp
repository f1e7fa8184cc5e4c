#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "http/http2_response_pairing.h"
#include "tests/http/response_log.h"
#include "tests/support/http2_answers.h"

namespace dormouse::http {
namespace {

using dormouse::testing::Http2Answers;
using dormouse::testing::http2Frame;
using dormouse::testing::Http2List;
using dormouse::testing::http2Literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kMaxBody = 1000;

std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
  return http2Frame(type, flags, stream, payload);
}

/// What a server sends first.
std::string beginning() {
  return frame(4, 0, 0, "");
}

std::string headers(std::uint32_t stream, const Http2List& list, int flags = 4) {
  return frame(1, flags, stream, http2Literals(list));
}

WallTime at(int milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

/// A pairing, what it tells, and the server whose bytes it reads.
struct Paired {
  explicit Paired(std::uint32_t requests = 1) {
    for (std::uint32_t i = 0; i < requests; ++i) pairing.begin(2 * i + 1, Asked::kUsual);
  }
  void feed(std::string_view text, std::size_t chunk = std::string_view::npos, WallTime when = {}) {
    while (!text.empty()) {
      const std::string piece(text.substr(0, chunk));
      pairing.feed(bytesOf(piece), when);
      text.remove_prefix(piece.size());
    }
  }
  /// "1 200 body", or "1 gap".
  std::vector<std::string> told() const {
    std::vector<std::string> lines;
    for (const SeenResponse& one : log.seen) {
      const std::string what = one.status == 0 ? std::string(reasonName(one.missing))
                                               : std::to_string(one.status) + " " + one.body;
      lines.push_back(std::to_string(one.request) + " " + what);
    }
    return lines;
  }

  ResponseLog log;
  Http2ResponsePairing pairing{kMaxBody, log};
};

TEST(Http2Responses, AreFoundByTheirStream) {
  Http2Answers server;
  server.asked(1);
  server.asked(3);
  server.asked(5);
  server.answer(1, {{":status", "200"}, {"x-a", "1"}}, "ab", false);
  server.answer(5, {{":status", "404"}, {"x-a", "1"}});
  std::string text = server.take();
  server.more(1, "cd", true);
  server.answer(3, {{":status", "200"}}, "three");
  text += server.take();
  Paired p(2);  // Nobody wants that of stream 5.
  p.feed(text);
  EXPECT_THAT(p.told(), ElementsAre("1 200 abcd", "3 200 three"));
  EXPECT_EQ(p.log.seen[0].head, "HTTP/2 200\r\nx-a: 1\r\n\r\n");
  EXPECT_EQ(p.log.seen[0].bodyBytes, 4U);
  EXPECT_FALSE(p.pairing.waits());
}

TEST(Http2Responses, TrailersStandBehindTheHead) {
  Http2Answers server;
  for (const std::uint32_t stream : {1U, 3U}) server.asked(stream);
  server.answer(1, {{":status", "200"}, {"content-type", "application/grpc"}}, "message", true,
                {{"grpc-status", "0"}, {"grpc-message", ""}});
  // gRPC has the trailers in the head if there is nothing else.
  server.answer(3, {{":status", "200"}, {"grpc-status", "5"}, {"grpc-message", "not there"}});
  Paired p(2);
  p.feed(server.take());
  ASSERT_THAT(p.told(), ElementsAre("3 200 ", "1 200 message"));
  EXPECT_EQ(p.log.seen[0].head, "HTTP/2 200\r\ngrpc-status: 5\r\ngrpc-message: not there\r\n\r\n");
  EXPECT_EQ(p.log.seen[1].head,
            "HTTP/2 200\r\ncontent-type: application/grpc\r\n\r\n"
            "grpc-status: 0\r\ngrpc-message: \r\n\r\n");
}

TEST(Http2Responses, InterimOnesAndPushedOnesAreReadAndNotTold) {
  Http2Answers server;
  server.asked(1);
  server.asked(3);
  server.interim(1, {{":status", "103"}, {"link", "</a.css>"}});
  server.push(1, {{":method", "GET"}, {":scheme", "http"}, {":path", "/a"}, {"x-promised", "p"}},
              {{":status", "200"}, {"x-pushed", "1"}});
  server.answer(1, {{":status", "200"}, {"link", "</a.css>"}, {"x-promised", "p"}}, "one");
  server.answer(3, {{":status", "200"}, {"x-pushed", "1"}, {"x-promised", "p"}}, "three");
  Paired p(2);
  p.feed(server.take());
  ASSERT_THAT(p.told(), ::testing::UnorderedElementsAre("1 200 one", "3 200 three"));
  for (const SeenResponse& one : p.log.seen) {
    EXPECT_THAT(one.head, HasSubstr("x-promised: p\r\n")) << "the table was kept in step";
  }
}

TEST(Http2Responses, TheLatencyIsFromTheRequestsEndToTheFinalHead) {
  Paired p(3);
  p.pairing.requestEnded(1, at(10));
  p.feed(beginning() + headers(1, {{":status", "100"}}), std::string_view::npos, at(15));
  const std::string head = headers(1, {{":status", "200"}});
  p.feed(head.substr(0, 12), 100, at(20));  // The frame's head, and some of its payload.
  p.feed(head.substr(12), 100, at(30));
  p.feed(frame(0, 1, 1, "x"), 100, at(40));
  p.feed(headers(3, {{":status", "200"}}, 5), 100, at(50));  // Its request goes on.
  p.pairing.requestEnded(5, at(70));
  p.feed(headers(5, {{":status", "200"}}, 5), 100, at(60));  // The clock was set back.
  ASSERT_EQ(p.log.seen.size(), 3U);
  EXPECT_EQ(p.log.seen[0].latency, std::chrono::milliseconds(10));
  EXPECT_FALSE(p.log.seen[1].latency);
  EXPECT_EQ(p.log.seen[2].latency, Nanos(0));
}

TEST(Http2Responses, AResetLeavesItsRequestUnansweredAlone) {
  Http2Answers server;
  for (const std::uint32_t stream : {1U, 3U, 5U}) server.asked(stream);
  server.answer(1, {{":status", "200"}}, "ab", false);
  server.answer(3, {{":status", "200"}}, "three");
  std::string text = server.take();
  server.reset(1);
  server.reset(3);                                               // After its end: of no account.
  text += server.take() + frame(7, 0, 0, std::string(8, '\0'));  // GOAWAY takes nothing back.
  server.answer(5, {{":status", "200"}}, "five");
  text += server.take();
  Paired p(3);
  p.feed(text);
  EXPECT_THAT(p.told(), ElementsAre("3 200 three", "1 unanswered", "5 200 five"));
  EXPECT_EQ(p.pairing.lost(), Reason::kNone);
}

TEST(Http2Responses, MalformedOnesAreLostAlone) {
  const std::vector<std::string> bad = {
      headers(1, {}, 5),
      headers(1, {{"x", "1"}}, 5),
      headers(1, {{":status", "20"}}, 5),
      headers(1, {{":status", "099"}}, 5),
      headers(1, {{":status", "2000"}}, 5),
      headers(1, {{":status", "2x0"}}, 5),
      headers(1, {{":status", "101"}}, 5),
      headers(1, {{":status", "200"}, {":status", "200"}}, 5),
      headers(1, {{"x", "1"}, {":status", "200"}}, 5),
      headers(1, {{":status", "200"}, {":path", "/"}}, 5),
      headers(1, {{":status", "200"}, {"Upper", "1"}}, 5),
      headers(1, {{":status", "200"}, {"x", "a\r\nb: c"}}, 5),
      headers(1, {{":status", "200"}, {"connection", "close"}}, 5),
      headers(1, {{":status", "200"}, {"content-length", "x"}}, 5),
      headers(1, {{":status", "200"}, {"content-length", "1"}}, 5),
      headers(1, {{":status", "200"}, {"content-length", "1"}}) + frame(0, 1, 1, "ab"),
      headers(1, {{":status", "100"}}, 5),
      frame(0, 0, 1, "early") + headers(1, {{":status", "200"}}, 5),
      frame(0, 1, 1, ""),
      headers(1, {{":status", "200"}}) + headers(1, {{"t", "1"}}),
      headers(1, {{":status", "200"}}) + headers(1, {{":status", "200"}}, 5),
      headers(1, {{":status", "200"}}) + headers(1, {{"connection", "x"}}, 5),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    Paired p(2);
    p.feed(beginning() + bad[i] + headers(3, {{":status", "200"}}, 5));
    EXPECT_THAT(p.told(), ElementsAre("1 malformed", "3 200 ")) << i;
  }
}

TEST(Http2Responses, AMalformedConnectionLosesTheRestOfThem) {
  const std::string ok = headers(1, {{":status", "200"}}, 5);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {ok, "not SETTINGS"},
      {frame(4, 1, 0, ""), "not SETTINGS"},
      {beginning() + headers(0, {{":status", "200"}}), "stream 0"},
      {beginning() + frame(0, 0, 0, "x"), "stream 0"},
      {beginning() + frame(5, 4, 0, "abcd"), "stream 0"},
      {beginning() + frame(3, 0, 0, "abcd"), "stream 0"},
      {beginning() + frame(3, 0, 1, "abc"), "RST_STREAM"},
      {beginning() + frame(5, 4, 1, "abc"), "padding"},
      {beginning() + frame(5, 4 + 8, 1,
                           std::string("\x01"
                                       "abcd",
                                       5)),
       "padding"},
      {beginning() + frame(0, 8, 1,
                           "\x05"
                           "abc"),
       "padding"},
      {beginning() + frame(1, 4, 1, "\xff\xff\xff\xff\xff\xff"), "decoded"},
      {beginning() + frame(1, 0, 1, "\x88") + frame(0, 0, 1, "x"), "continuous"},
      {beginning() + frame(5, 0, 1, "abcd\x82") + frame(9, 4, 3, ""), "continuous"},
      {beginning() + frame(9, 4, 1, ""), "continuous"},
      {beginning() + frame(1, 0, 1, std::string(70'000, 'x')), "64 KiB"},
  };
  for (const auto& [text, fault] : bad) {
    Paired p(2);
    p.feed(text + ok, 7);
    EXPECT_THAT(p.told(), ElementsAre("1 malformed", "3 malformed")) << fault;
    EXPECT_THAT(p.pairing.fault(), HasSubstr(fault));
    EXPECT_EQ(p.pairing.held(), 0U);
    p.pairing.begin(5, Asked::kUsual);
    EXPECT_EQ(p.told().back(), "5 malformed");
  }
}

TEST(Http2Responses, AnEndLeavesTheRestUnansweredAndAGapIsOne) {
  Paired whole(1);
  whole.feed(beginning() + headers(1, {{":status", "200"}}));
  whole.pairing.end(Reason::kNone);
  EXPECT_THAT(whole.told(), ElementsAre("1 unanswered")) << "its content has not ended";
  Paired cut(2);
  cut.feed(beginning() + headers(1, {{":status", "200"}}, 5));
  cut.pairing.end(Reason::kGap);
  cut.feed(headers(3, {{":status", "200"}}, 5));
  EXPECT_THAT(cut.told(), ElementsAre("1 200 ", "3 gap"));
}

TEST(Http2Responses, WhatWasAskedSaysWhichContentThereIs) {
  Paired p(0);
  p.pairing.begin(1, Asked::kHead);
  p.pairing.begin(3, Asked::kUsual);
  p.pairing.begin(5, Asked::kConnect);
  p.pairing.begin(7, Asked::kConnect);
  p.feed(beginning() + headers(1, {{":status", "200"}, {"content-length", "9"}}, 5) +
         headers(3, {{":status", "304"}, {"content-length", "9"}}, 5) +
         headers(5, {{":status", "200"}}) + frame(0, 0, 5, "tunnel") +
         headers(7, {{":status", "407"}}) + frame(0, 1, 7, "no"));
  EXPECT_THAT(p.told(), ElementsAre("1 200 ", "3 304 ", "5 200 ", "7 407 no"));
}

TEST(Http2Responses, OfALargeContentTheBeginningIsKept) {
  Http2Answers server;
  server.asked(1);
  server.answer(1, {{":status", "200"}}, std::string(50'000, 'b'));
  Paired p;
  p.feed(server.take(), 700);
  ASSERT_EQ(p.log.seen.size(), 1U);
  EXPECT_EQ(p.log.seen[0].body, std::string(kMaxBody, 'b'));
  EXPECT_EQ(p.log.seen[0].bodyBytes, 50'000U);
}

TEST(Http2Responses, WhatIsHeldIsCountedAndCanBeShed) {
  Paired p(3);
  const std::size_t before = p.pairing.held();
  p.feed(beginning());
  for (const std::uint32_t stream : {1U, 3U}) {
    p.feed(headers(stream, {{":status", "200"}}));
    for (int i = 0; i < 9; ++i) p.feed(frame(0, 0, stream, std::string(100, 'x')));
  }
  EXPECT_GE(p.pairing.held(), before + 1800);
  EXPECT_LT(p.pairing.held(), before + 8000);
  p.pairing.shed(Reason::kOverBudget);
  EXPECT_THAT(p.told(), ElementsAre("1 over-budget", "3 over-budget"));
  EXPECT_LT(p.pairing.held(), before + 2100) << "but for the decoder";
  p.feed(frame(0, 1, 1, "x") + headers(5, {{":status", "200"}}, 5));
  EXPECT_EQ(p.told().back(), "5 200 ") << "the connection is followed on";
}

TEST(Http2Responses, RequestsAboveTheLimitAndGivenUpOnesAreMissing) {
  Paired p(Http2ResponsePairing::kMaxPending);
  EXPECT_THAT(p.told(), IsEmpty());
  p.pairing.begin(9001, Asked::kUsual);
  EXPECT_THAT(p.told(), ElementsAre("9001 over-budget"));
  p.pairing.giveUp(1, Reason::kUnanswered);
  p.pairing.giveUp(1, Reason::kUnanswered);
  EXPECT_THAT(p.told(), ElementsAre("9001 over-budget", "1 unanswered"));
  p.feed(beginning() + headers(1, {{":status", "200"}}, 5));
  EXPECT_EQ(p.told().size(), 2U);
}

TEST(Http2Responses, AClientsTableIsFollowedByTheServer) {
  for (const std::uint32_t allowed : {0U, 100U, 4096U, 16384U, 65536U}) {
    Http2Answers server(65536, allowed);
    Paired p(60);
    for (std::int32_t i = 0; i < 60; ++i) {
      const std::int32_t stream = 2 * i + 1;
      server.asked(static_cast<std::uint32_t>(stream));
      server.answer(stream,
                    {{":status", "200"}, {"x-" + std::to_string(i % 30), std::string(900, 'v')}});
      p.feed(server.take());
    }
    EXPECT_EQ(p.pairing.fault(), "") << allowed;
    ASSERT_EQ(p.log.seen.size(), 60U) << allowed;
    for (const SeenResponse& one : p.log.seen) {
      const std::uint64_t i = (one.request - 1) / 2;
      EXPECT_EQ(one.head, "HTTP/2 200\r\nx-" + std::to_string(i % 30) + ": " +
                              std::string(900, 'v') + "\r\n\r\n");
    }
  }
}

/// A random session of every kind of frame that a server sends.
std::string randomSession(std::mt19937& random, std::uint32_t requests) {
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  Http2Answers server(65536, below(2) == 0 ? 4096 : static_cast<std::uint32_t>(below(65536)));
  std::string text;
  std::vector<std::int32_t> open;
  for (std::uint32_t i = 0; i < requests; ++i) {
    const auto stream = static_cast<std::int32_t>(2 * i + 1);
    server.padding = below(3) == 0 ? below(256) : 0;
    server.asked(2 * i + 1);
    Http2List head = {{":status", std::to_string(200 + below(300))}};
    for (std::size_t k = below(6); k > 0; --k) {
      head.emplace_back("x-" + std::to_string(below(20)), std::string(below(300), 'v'));
    }
    // More than one frame's worth: CONTINUATION.
    if (below(6) == 0) head.emplace_back("large", std::string(below(60000), '~'));
    if (below(5) == 0) server.interim(stream, {{":status", "103"}, {"x-1", "interim"}});
    if (below(6) == 0) {
      server.push(stream, dormouse::testing::http2Get("/p"), {{":status", "200"}, {"x-2", "p"}});
    }
    const bool whole = below(3) != 0;
    const Http2List trailers = below(3) == 0 ? Http2List{{"grpc-status", "0"}} : Http2List{};
    server.answer(stream, head, std::string(below(3) == 0 ? below(5000) : 0, 'b'), whole, trailers);
    if (!whole) open.push_back(stream);
    if (below(3) == 0) text += server.take();
    if (below(5) == 0) server.ping();
    if (open.empty() || below(2) == 0) continue;
    const std::size_t which = below(open.size());
    if (below(4) == 0) {
      server.reset(open[which]);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      server.more(open[which], std::string(below(2000), 'm'), false);
    }
  }
  for (const auto stream : open) server.more(stream, "end", below(4) != 0);
  return text + server.take();
}

TEST(Http2Responses, AnyChunkingGivesTheSame) {
  std::mt19937 random(6);
  std::size_t answered = 0;
  for (int round = 0; round < 60; ++round) {
    constexpr std::uint32_t kRequests = 8;
    const std::string text = randomSession(random, kRequests);
    Paired whole(kRequests);
    whole.feed(text);
    ASSERT_EQ(whole.pairing.fault(), "") << round;
    whole.pairing.end(Reason::kNone);
    ASSERT_EQ(whole.log.seen.size(), kRequests) << round;
    for (const SeenResponse& one : whole.log.seen) answered += one.status == 0 ? 0 : 1;
    for (const std::size_t chunk : {1UL, 2UL, 9UL, 1000UL, 1 + random() % 5000}) {
      Paired cut(kRequests);
      cut.feed(text, chunk);
      cut.pairing.end(Reason::kNone);
      ASSERT_TRUE(cut.log.seen == whole.log.seen) << round << ": chunks of " << chunk;
    }
  }
  EXPECT_GT(answered, 300U);
}

}  // namespace
}  // namespace dormouse::http
