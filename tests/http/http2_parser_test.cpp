#include "http/http2_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/http/http2_log.h"
#include "tests/support/http2_peers.h"

namespace dormouse::http {
namespace {

using dormouse::testing::Http2Client;
using dormouse::testing::http2Frame;
using dormouse::testing::http2Get;
using dormouse::testing::Http2List;
using dormouse::testing::http2Literals;
using dormouse::testing::http2Post;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The preface and the client's SETTINGS.
std::string beginning() {
  return std::string(kHttp2Preface) + http2Frame(4, 0, 0, "");
}

std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
  return http2Frame(type, flags, stream, payload);
}

struct Parsed {
  Http2Log log;
  std::string fault;
  bool operator==(const Parsed& that) const {
    return log.requests == that.log.requests && fault == that.fault;
  }
};

Parsed run(const std::string& text, std::size_t chunk = 0, bool upgraded = false) {
  Parsed result;
  Http2Parser parser(upgraded);
  if (chunk == 0) chunk = text.size();
  for (std::size_t at = 0; at < text.size(); at += chunk) {
    const bool good =
        parser.feed(bytesOf(text).subspan(at, std::min(chunk, text.size() - at)), result.log);
    EXPECT_EQ(good, !parser.malformed());
  }
  result.fault = parser.fault();
  return result;
}

TEST(Http2Parser, RequestsThatOverlap) {
  Http2Client client;
  const auto first = client.request(http2Post("/one?x=1"), "ab", false);
  const auto second = client.request(http2Get("/two"));
  std::string text = client.take();
  client.more(first, "cd", true);
  text += client.take();
  const Parsed result = run(text);
  EXPECT_EQ(result.fault, "");
  ASSERT_EQ(result.log.requests.size(), 2U);
  const SeenHttp2& one = result.log.requests.at(static_cast<std::uint32_t>(first));
  EXPECT_EQ(one.method, "POST");
  EXPECT_EQ(one.target, "/one?x=1");
  EXPECT_EQ(one.scheme, "http");
  EXPECT_EQ(one.authority, "a");
  EXPECT_EQ(one.body, "abcd");
  EXPECT_EQ(one.end, "whole");
  EXPECT_EQ(result.log.requests.at(static_cast<std::uint32_t>(second)).end, "whole");
}

TEST(Http2Parser, TrailersComeWithTheEnd) {
  Http2Client client;
  client.request(http2Post("/"), "body", true, {{"grpc-status", "0"}, {"x", ""}});
  const Parsed result = run(client.take());
  EXPECT_THAT(result.log.requests.at(1).trailers,
              ElementsAre(Pair("grpc-status", "0"), Pair("x", "")));
  EXPECT_EQ(result.log.requests.at(1).end, "whole");
}

TEST(Http2Parser, NothingIsToldOfTheRestOfARequestThatIsNotWanted) {
  Http2Client client;
  client.request(http2Post("/"), "body", true, {{"t", "1"}});
  Http2Log log;
  log.unwanted = true;
  Http2Parser parser;
  parser.feed(bytesOf(client.take()), log);
  EXPECT_EQ(log.requests.at(1).body, "");
  EXPECT_EQ(log.requests.at(1).end, "");
  EXPECT_EQ(parser.unfinished(), 0U);
}

TEST(Http2Parser, AResetCancelsAlone) {
  Http2Client client;
  const auto first = client.request(http2Post("/1"), "ab", false);
  client.request(http2Post("/2"), "cd", false);
  std::string text = client.take();
  client.reset(first);
  client.more(3, "ef", true);
  text += client.take();
  text += frame(0, 1, 1, "late");  // Was under way.
  const Parsed result = run(text);
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.log.requests.at(1).end, "malformed");
  EXPECT_EQ(result.log.requests.at(1).body, "ab");
  EXPECT_EQ(result.log.requests.at(3).end, "whole");
  EXPECT_EQ(result.log.requests.at(3).body, "cdef");
}

/// Random sessions of every kind of frame that a client sends.
std::string randomSession(std::mt19937& random) {
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  Http2Client client(below(2) == 0 ? 4096 : 65536);
  std::string text = client.take();
  client.serverSays(
      {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE,
        static_cast<std::uint32_t>(below(2) == 0 ? below(5000) : 65536)},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1U << 30U},
       {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16384U + static_cast<std::uint32_t>(below(100000))}});
  std::vector<std::int32_t> open;
  for (std::size_t i = 1 + below(12); i > 0; --i) {
    client.padding = below(3) == 0 ? below(256) : 0;
    Http2List head = http2Post("/" + std::string(below(100), 'p'));
    for (std::size_t k = below(6); k > 0; --k) {
      head.emplace_back("x-" + std::to_string(below(20)), std::string(below(300), 'v'));
    }
    // More than one frame's worth: CONTINUATION.
    if (below(8) == 0) head.emplace_back("large", std::string(below(40000), '~'));
    const bool whole = below(3) != 0;
    const Http2List trailers = below(4) == 0 ? Http2List{{"t", "1"}} : Http2List{};
    const auto stream =
        client.request(head, std::string(below(3) == 0 ? below(50000) : 0, 'b'), whole, trailers);
    if (!whole) open.push_back(stream);
    if (below(3) == 0) text += client.take();
    if (below(5) == 0) client.ping();
    if (!open.empty() && below(2) == 0) {
      const std::size_t which = below(open.size());
      if (below(4) == 0) {
        client.reset(open[which]);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      } else {
        client.more(open[which], std::string(below(2000), 'm'), false);
      }
    }
  }
  for (const auto stream : open) client.more(stream, "end", below(4) != 0);
  return text + client.take();
}

TEST(Http2Parser, AnyChunkingGivesTheSameRequests) {
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    const std::string text = randomSession(random);
    const Parsed whole = run(text);
    ASSERT_EQ(whole.fault, "") << round;
    ASSERT_FALSE(whole.log.requests.empty());
    for (const std::size_t chunk : {1UL, 2UL, 9UL, 1000UL, 1 + random() % 5000}) {
      ASSERT_TRUE(run(text, chunk) == whole) << round << ": chunks of " << chunk;
    }
  }
}

TEST(Http2Parser, AServersLargerTableIsFollowedByItsClient) {
  for (const std::uint32_t size : {0U, 100U, 4096U, 16384U, 65536U}) {
    Http2Client client(65536);
    std::string text = client.take();
    client.serverSays({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, size}});
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 40; ++i) {
        Http2List head = http2Get("/");
        head.emplace_back("x-" + std::to_string(i), std::string(1000, 'v'));
        client.request(head);
      }
      text += client.take();
    }
    const Parsed result = run(text);
    EXPECT_EQ(result.fault, "") << size;
    EXPECT_EQ(result.log.requests.size(), 120U) << size;
    for (const auto& [stream, request] : result.log.requests) {
      ASSERT_EQ(request.fields.size(), 1U);
      EXPECT_EQ(request.fields[0].second, std::string(1000, 'v'));
    }
  }
}

TEST(Http2Parser, AHeadAboveTheLimitIsBadAndTheTableGoesOn) {
  Http2Client client;
  Http2List large = http2Get("/large");
  for (int i = 0; i < 40; ++i) large.emplace_back("x-large", std::string(2000, 'v'));
  client.request(large);
  Http2List next = http2Get("/next");
  next.emplace_back("x-new", "1");
  client.request(next);
  client.request(next);
  const Parsed result = run(client.take());
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.log.requests.at(1).end, "bad head");
  EXPECT_EQ(result.log.requests.at(5).target, "/next");
  EXPECT_EQ(result.log.requests.at(5).end, "whole");
}

TEST(Http2Parser, AContentOfAnotherLengthThanAnnouncedIsMalformed) {
  const auto withLength = [](const std::string& length) {
    Http2List head = http2Post("/");
    head.emplace_back("content-length", length);
    return head;
  };
  const std::string block = http2Literals(withLength("3"));
  const auto end = [&](const std::string& frames) {
    const Parsed result = run(beginning() + frames);
    EXPECT_EQ(result.fault, "");
    EXPECT_EQ(result, run(beginning() + frames, 1)) << "byte by byte";
    return result.log.requests.at(1).end;
  };
  EXPECT_EQ(end(frame(1, 4, 1, block) + frame(0, 1, 1, "abc")), "whole");
  EXPECT_EQ(end(frame(1, 4, 1, block) + frame(0, 1, 1, "ab")), "malformed");
  EXPECT_EQ(end(frame(1, 4, 1, block) + frame(0, 0, 1, "abcd") + frame(0, 1, 1, "e")), "malformed");
  EXPECT_EQ(end(frame(1, 5, 1, block)), "bad head");
  EXPECT_EQ(end(frame(1, 4, 1, block) + frame(0, 0, 1, "ab") +
                frame(1, 5, 1, http2Literals({{"t", "1"}}))),
            "malformed");
  EXPECT_EQ(end(frame(1, 4, 1, http2Literals(withLength("x")))), "bad head");
  EXPECT_EQ(end(frame(1, 4, 1, http2Literals(withLength("")))), "bad head");
  EXPECT_EQ(end(frame(1, 4, 1, http2Literals(withLength("99999999999999999999")))), "bad head");
}

TEST(Http2Parser, MalformedHeadsAreTheirRequestsAlone) {
  const Http2List good = http2Get("/");
  const auto with = [&](const Http2List& more) {
    Http2List all = good;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const std::vector<Http2List> bad = {
      {},
      {{":method", "GET"}},
      {{":method", "GET"}, {":scheme", "http"}},
      {{":method", "GET"}, {":path", "/"}},
      {{":method", "G T"}, {":scheme", "http"}, {":path", "/"}},
      {{":method", "GET"}, {":scheme", "http"}, {":path", ""}},
      {{":method", "GET"}, {":scheme", "http"}, {":path", "no"}},
      {{":method", "GET"}, {":scheme", "http"}, {":path", "*"}},
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/ HTTP/1.1"}},
      {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a b"}},
      {{":method", "CONNECT"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
      {{":method", "CONNECT"}},
      with({{":method", "GET"}}),
      with({{":unknown", "x"}}),
      with({{"x", "1"}, {":path", "/"}}),
      with({{":protocol", "websocket"}}),
      with({{"Upper", "1"}}),
      with({{"a b", "1"}}),
      with({{"", "1"}}),
      with({{"x", "a\r\nb: c"}}),
      with({{"x", std::string("a\0b", 3)}}),
      with({{"connection", "close"}}),
      with({{"transfer-encoding", "chunked"}}),
      with({{"upgrade", "h2c"}}),
      with({{"te", "gzip"}}),
      with({{"content-length", "1"}, {"content-length", "1"}}),
  };
  std::string text = beginning();
  std::uint32_t stream = 1;
  for (const Http2List& head : bad) {
    text += frame(1, 5, stream, http2Literals(head));
    stream += 2;
  }
  text += frame(1, 5, stream, http2Literals(with({{"te", "trailers"}, {"x", " trimmed "}})));
  const Parsed result = run(text);
  EXPECT_EQ(result.fault, "");
  for (std::uint32_t i = 1; i < stream; i += 2) {
    EXPECT_EQ(result.log.requests.at(i).end, "bad head") << "number " << i / 2;
  }
  EXPECT_EQ(result.log.requests.at(stream).end, "whole");
  EXPECT_THAT(result.log.requests.at(stream).fields,
              ElementsAre(Pair("te", "trailers"), Pair("x", "trimmed")));
}

TEST(Http2Parser, ConnectAndItsExtension) {
  const Parsed result = run(
      beginning() + frame(1, 4, 1, http2Literals({{":method", "CONNECT"}, {":authority", "h:1"}})) +
      frame(0, 0, 1, "tunnel") +
      frame(1, 4, 3,
            http2Literals({{":method", "CONNECT"},
                           {":protocol", "websocket"},
                           {":scheme", "http"},
                           {":path", "/chat"},
                           {":authority", "h"}})));
  EXPECT_EQ(result.log.requests.at(1).target, "h:1");
  EXPECT_EQ(result.log.requests.at(1).body, "tunnel");
  EXPECT_EQ(result.log.requests.at(3).target, "/chat");
}

TEST(Http2Parser, WhatCannotBeReliedOnIsMalformed) {
  const std::string get = http2Literals(http2Get("/"));
  const std::string post = http2Literals(http2Post("/"));
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"PRI * HTTP/2.0\r\n\r\nSX", "preface"},
      {std::string(kHttp2Preface) + frame(1, 5, 1, get), "not SETTINGS"},
      {std::string(kHttp2Preface) + frame(4, 1, 0, ""), "not SETTINGS"},
      {beginning() + frame(1, 5, 0, get), "not a client's"},
      {beginning() + frame(1, 5, 2, get), "not a client's"},
      {beginning() + frame(1, 5, 1, "\xff\xff\xff\xff"), "cannot be decoded"},
      {beginning() + frame(1, 5, 1, "\x80"), "cannot be decoded"},
      {beginning() + frame(1, 5, 1, "\xbf"), "cannot be decoded"},  // Not in the table.
      {beginning() + frame(1, 5, 1, std::string("\x3f\xe2\xff\x03") + get), "cannot be decoded"},
      {beginning() + frame(1, 1, 1, get) + frame(6, 0, 0, "12345678"), "not continuous"},
      {beginning() + frame(1, 1, 1, get) + frame(9, 4, 3, ""), "not continuous"},
      {beginning() + frame(9, 4, 1, get), "not continuous"},
      {beginning() + frame(1, 13, 1, std::string("\x05") + "abc"), "padding"},
      {beginning() + frame(1, 13, 1, ""), "padding"},
      {beginning() + frame(1, 37, 1, "abc"), "padding"},
      {beginning() + frame(1, 4, 1, post) + frame(0, 8, 1, std::string("\x04") + "abc"), "padding"},
      {beginning() + frame(1, 4, 1, post) + frame(0, 8, 1, ""), "padding"},
      {beginning() + frame(0, 0, 1, "abc"), "without a request"},
      {beginning() + frame(0, 0, 0, "abc"), "without a request"},
      {beginning() + frame(3, 0, 1, "1234"), "without a request"},
      {beginning() + frame(1, 4, 1, post) + frame(3, 0, 1, "123"), "wrong length"},
      {beginning() + frame(5, 4, 1, "1234"), "PUSH_PROMISE"},
      {beginning() + frame(1, 1, 1, std::string(40000, '\0')) +
           frame(9, 0, 1, std::string(40000, '\0')),
       "larger than 64 KiB"},
  };
  for (const auto& [text, fault] : cases) {
    const Parsed whole = run(text);
    EXPECT_THAT(whole.fault, HasSubstr(fault));
    EXPECT_TRUE(run(text, 1) == whole) << fault;
  }
}

TEST(Http2Parser, FramesThatSayNothingAboutRequestsAreSkipped) {
  std::string text = beginning();
  text += frame(8, 0, 0, "1234") + frame(6, 0, 0, "12345678") + frame(7, 0, 0, "12345678") +
          frame(2, 0, 1, "12345") + frame(4, 1, 0, "") + frame(16, 0, 0, "1234u=1") +
          frame(200, 0xff, 0x7fffffff, std::string(70000, 'x'));
  text +=
      frame(1, 13 + 32, 1, std::string("\x03") + "12345" + http2Literals(http2Get("/")) + "ppp");
  text += frame(3, 0, 2, "1234");  // A push that is not wanted.
  const Parsed result = run(text);
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.log.requests.at(1).end, "whole");
  EXPECT_TRUE(run(text, 7) == result);
}

TEST(Http2Parser, TheOldestOfTooManyUnfinishedRequestsIsForgotten) {
  std::string text = beginning();
  const std::string block = http2Literals(http2Post("/"));
  const auto count = static_cast<std::uint32_t>(Http2Parser::kMaxStreams) + 2;
  for (std::uint32_t i = 0; i < count; ++i) text += frame(1, 4, 2 * i + 1, block);
  text += frame(0, 1, 1, "late") + frame(0, 1, 2 * count - 1, "x");
  const Parsed result = run(text);
  EXPECT_EQ(result.log.requests.at(1).end, "evicted");
  EXPECT_EQ(result.log.requests.at(3).end, "evicted");
  EXPECT_EQ(result.log.requests.at(5).end, "");
  EXPECT_EQ(result.log.requests.at(2 * count - 1).end, "whole");
}

TEST(Http2Parser, TheUpgradingRequestIsStreamOne) {
  const std::string text =
      beginning() + frame(0, 1, 1, "none") + frame(1, 5, 3, http2Literals(http2Get("/3")));
  const Parsed result = run(text, 0, true);
  EXPECT_EQ(result.fault, "");
  EXPECT_EQ(result.log.requests.size(), 1U);
  EXPECT_EQ(result.log.requests.at(3).target, "/3");
}

TEST(Http2Parser, MemoryIsThatOfTheTableAndOfTheBlock) {
  Http2Log log;
  Http2Parser parser;
  Http2Client client;
  client.request(http2Get("/"));
  parser.feed(bytesOf(client.take()), log);
  const std::size_t before = parser.memory();
  EXPECT_LT(before, 16U << 10U);
  parser.feed(bytesOf(frame(1, 1, 3, std::string(50000, '\0'))), log);
  EXPECT_EQ(parser.fault(), "");
  EXPECT_GE(parser.memory(), before + 49900);
}

}  // namespace
}  // namespace dormouse::http
