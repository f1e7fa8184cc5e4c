#include "http/entry_search.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/http/request_log.h"

namespace dormouse::http {
namespace {

using Segment = EntrySearch::Segment;

const std::string kRequest = "GET /api HTTP/1.1\r\nHost: pod\r\n\r\n";
constexpr Segment kAnswered{true, false, Nanos(0)};
constexpr Segment kPlain{false, false, Nanos(0)};

bool enters(std::string_view bytes, const Segment& segment) {
  EntrySearch search;
  RequestLog log;
  const bool entered = search.feed(bytesOf(bytes), segment, log);
  EXPECT_EQ(entered, !log.requests.empty());
  return entered;
}

TEST(EntrySearch, EntersWhereTheServerHasAnsweredInBetween) {
  EXPECT_TRUE(enters(kRequest, kAnswered));
  EXPECT_FALSE(enters(kRequest, kPlain));
}

TEST(EntrySearch, EntersAtTheFirstSegmentAfterASecondOfSilence) {
  EXPECT_TRUE(enters(kRequest, {false, true, std::chrono::seconds(1)}));
  EXPECT_FALSE(enters(kRequest, {false, true, std::chrono::milliseconds(999)}));
  EXPECT_FALSE(enters(kRequest, {false, false, std::chrono::hours(1)}));
}

TEST(EntrySearch, OnlyAWholeValidHeadIsAnEntry) {
  EXPECT_FALSE(enters("xx" + kRequest, kAnswered));
  EXPECT_FALSE(enters("GET /api HTTP/1.1\r\nNo-Host: pod\r\n\r\n", kAnswered));
  EXPECT_TRUE(enters("GET /api HTTP/1.0\r\n\r\n", kAnswered));
  EXPECT_FALSE(enters("GET /api HTTP/1.1\r\nHost: pod\nX: y\r\n\r\n", kAnswered));
  EXPECT_FALSE(enters("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kAnswered));
}

TEST(EntrySearch, AHeadMaySpanSegments) {
  EntrySearch search;
  RequestLog log;
  for (std::size_t i = 0; i + 1 < kRequest.size(); ++i) {
    ASSERT_FALSE(search.feed(bytesOf(kRequest).subspan(i, 1), i == 0 ? kAnswered : kPlain, log));
    ASSERT_EQ(search.held(), i + 1);
  }
  ASSERT_TRUE(search.feed(bytesOf("\n"), kPlain, log));
  ASSERT_EQ(log.requests.size(), 1U);
  EXPECT_EQ(log.requests[0].raw, kRequest);
  const auto parser = search.takeParser();
  parser->feed(bytesOf(kRequest), log);
  EXPECT_EQ(log.requests.size(), 2U);
}

TEST(EntrySearch, AFailedTryIsForgotten) {
  EntrySearch search;
  RequestLog log;
  EXPECT_FALSE(search.feed(bytesOf("GET /looks HTTP/1.1\r\nlike"), kAnswered, log));
  EXPECT_FALSE(search.feed(bytesOf(" one\r\n\r\n"), kPlain, log));
  EXPECT_FALSE(search.feed(bytesOf(kRequest), kPlain, log));
  EXPECT_TRUE(log.requests.empty());
  EXPECT_TRUE(search.feed(bytesOf(kRequest), kAnswered, log));
  EXPECT_EQ(log.requests.size(), 1U);
}

TEST(EntrySearch, WhatFollowsTheHeadInItsSegmentIsTold) {
  EntrySearch search;
  RequestLog log;
  const std::string post = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_TRUE(search.feed(bytesOf(post + kRequest), kAnswered, log));
  ASSERT_EQ(log.requests.size(), 2U);
  EXPECT_EQ(log.requests[0].content, "ok");
}

/// A client uploads bodies full of requests, in segments that begin with one, over a connection
/// that was open at the wake; the server answers after each body. Whatever is entered must be a
/// real request.
TEST(EntrySearch, BodiesThatLookLikeRequestsAreNeverEntered) {
  int entered = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    const auto upTo = [&random](std::size_t n) { return std::size_t{random()} % (n + 1); };
    const std::string fake = "GET /fake HTTP/1.1\r\nHost: evil\r\n\r\n";
    // The mirror wakes at a random place within the first body.
    EntrySearch search;
    RequestLog log;
    bool first = true;
    bool found = false;
    for (int request = 0; request < 3 && !found; ++request) {
      std::string body;
      for (std::size_t i = 0, count = 1 + upTo(20); i < count; ++i) body += fake;
      const std::string head =
          "POST /real HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\n\r\n";
      // The head may come alone or with the first part of the body, perhaps cut in two.
      std::vector<std::string> segments;
      if (request > 0) {
        const std::size_t cut = upTo(head.size());
        segments.push_back(head.substr(0, cut));
        segments.push_back(head.substr(cut));
      }
      for (std::size_t at = 0; at < body.size();) {
        const std::size_t size = fake.size() * (1 + upTo(3));
        segments.push_back(body.substr(at, size));
        at += size;
      }
      bool answered = request > 0;  // The answer to the body before.
      for (const std::string& segment : segments) {
        if (segment.empty()) continue;
        const Nanos awake = std::chrono::milliseconds(upTo(999));
        found = found || search.feed(bytesOf(segment), {answered, first, awake}, log);
        if (found) break;
        answered = first = false;
      }
    }
    entered += found ? 1 : 0;
    for (const SeenRequest& request : log.requests) ASSERT_EQ(request.target, "/real") << seed;
  }
  EXPECT_EQ(entered, 500) << "the second request follows an answer, and must be found";
}

}  // namespace
}  // namespace dormouse::http
