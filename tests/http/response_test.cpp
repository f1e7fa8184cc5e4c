#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <random>

#include "http/http1_parser.h"
#include "tests/http/response_log.h"

namespace dormouse::http {
namespace {

constexpr std::size_t kMaxBody = 1000;

/// A pairing with requests 1, 2, … of these kinds.
struct Pairing {
  explicit Pairing(std::initializer_list<Asked> asked = {Asked::kUsual}) {
    std::uint64_t number = 0;
    for (const Asked one : asked) {
      pairing.begin(++number, one);
      pairing.requestEnded(WallTime(Nanos(100)));
    }
  }

  ResponseLog log;
  ResponsePairing pairing{kMaxBody, log};
};

TEST(ResponsePairing, ReadsAResponseAndItsLatency) {
  Pairing p;
  const std::string head = "HTTP/1.1 404 Not Found\r\nX-Odd: \t a  b \r\nContent-Length: 5\r\n\r\n";
  feedIn(p.pairing, head.substr(0, 10), 3, WallTime(Nanos(350)));
  feedIn(p.pairing, head.substr(10) + "hello", 7, WallTime(Nanos(900)));
  ASSERT_EQ(p.log.seen.size(), 1U);
  EXPECT_EQ(p.log.seen[0], (SeenResponse{1, 404, head, "hello", 5, Nanos(250), Reason::kNone}));
  EXPECT_TRUE(p.pairing.idle());
}

TEST(ResponsePairing, EveryKindOfBodyEndsWhereItShould) {
  struct Case {
    Asked asked;
    std::string text;
    std::string body;
    int status;
  };
  const std::vector<Case> cases = {
      {Asked::kHead, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", 200},
      {Asked::kHead, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", 200},
      {Asked::kUsual, "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", "", 204},
      {Asked::kUsual, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n", "", 304},
      {Asked::kUsual, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200},
      {Asked::kUsual,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n"
       "0\r\nX-Trailer: t\r\n\r\n",
       "abcde", 200},
      {Asked::kUsual,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
       "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
       "ok", 201},
      {Asked::kUsual, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok", 200},
      {Asked::kUsual, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok",
       200},
      {Asked::kConnect, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "no", 403},
  };
  for (const Case& one : cases) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{4}, std::string::npos}) {
      Pairing p{one.asked, Asked::kUsual};
      feedIn(p.pairing, one.text + "HTTP/1.1 299 Next\r\nContent-Length: 1\r\n\r\nn", chunk);
      ASSERT_EQ(p.log.seen.size(), 2U) << one.text;
      EXPECT_EQ(p.log.seen[0].status, one.status) << one.text;
      EXPECT_EQ(p.log.seen[0].body, one.body) << one.text;
      EXPECT_EQ(p.log.seen[1].status, 299) << one.text;
    }
  }
}

TEST(ResponsePairing, ABodyWithoutALengthEndsWithTheConnection) {
  for (const std::string fields : {"", "Transfer-Encoding: gzip\r\n"}) {
    Pairing p{Asked::kUsual, Asked::kUsual};
    feedIn(p.pairing,
           "HTTP/1.1 200 OK\r\n" + fields + "\r\nall of this\r\nHTTP/1.1 200 OK\r\n\r\n");
    EXPECT_TRUE(p.log.seen.empty());
    p.pairing.end(Reason::kNone);
    ASSERT_EQ(p.log.seen.size(), 2U);
    EXPECT_EQ(p.log.seen[0].body, "all of this\r\nHTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(p.log.seen[1].missing, Reason::kUnanswered);
  }
}

TEST(ResponsePairing, AResponseThatIsCutIsMissing) {
  for (const std::string text :
       {"", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    Pairing p;
    feedIn(p.pairing, text);
    p.pairing.end(Reason::kNone);
    ASSERT_EQ(p.log.seen.size(), 1U) << text;
    EXPECT_EQ(p.log.seen[0].missing, Reason::kUnanswered);
  }
  Pairing cut;
  feedIn(cut.pairing, "HTTP/1.1 200 OK\r\n\r\nup to the e");
  cut.pairing.end(Reason::kGap);
  ASSERT_EQ(cut.log.seen.size(), 1U);
  EXPECT_EQ(cut.log.seen[0].missing, Reason::kGap);
}

TEST(ResponsePairing, WhatCannotBeReadLosesAllThatFollow) {
  const std::vector<std::string> wrong = {
      "not HTTP\r\n\r\n",
      "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
      "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(ResponseParser::kMaxHead, 'x') + "\r\n\r\n",
  };
  for (const std::string& text : wrong) {
    Pairing p{Asked::kUsual, Asked::kUsual};
    feedIn(p.pairing, text + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_EQ(p.log.seen.size(), 2U) << text.substr(0, 60);
    EXPECT_EQ(p.log.seen[0].missing, Reason::kMalformed) << text.substr(0, 60);
    EXPECT_EQ(p.log.seen[1].missing, Reason::kMalformed);
    EXPECT_EQ(p.pairing.lost(), Reason::kMalformed);
    p.pairing.begin(3, Asked::kUsual);
    ASSERT_EQ(p.log.seen.size(), 3U) << "it is known at once";
    EXPECT_EQ(p.log.seen[2], (SeenResponse{3, 0, "", "", 0, std::nullopt, Reason::kMalformed}));
  }
}

TEST(ResponsePairing, BeginsAnewAtTheNextResponse) {
  Pairing p;
  feedIn(p.pairing, "garbage\r\n\r\n");
  p.pairing.restart();
  EXPECT_EQ(p.pairing.lost(), Reason::kNone);
  p.pairing.begin(2, Asked::kUsual);
  feedIn(p.pairing, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(p.log.seen.size(), 2U);
  EXPECT_EQ(p.log.seen[1].request, 2U);
  EXPECT_EQ(p.log.seen[1].status, 200);
}

TEST(ResponsePairing, ATunnelHidesWhatFollows) {
  for (const auto& [asked, status] :
       {std::pair{Asked::kUsual, "101 Switching"}, std::pair{Asked::kConnect, "200 Connected"}}) {
    Pairing p{asked};
    feedIn(p.pairing, std::string("HTTP/1.1 ") + status + "\r\n\r\n\x81\x05hello", 5);
    ASSERT_EQ(p.log.seen.size(), 1U);
    EXPECT_EQ(p.log.seen[0].bodyBytes, 0U);
    EXPECT_EQ(p.pairing.lost(), Reason::kNone);
  }
}

TEST(ResponsePairing, AResponseThatNobodyAskedForIsMalformed) {
  Pairing p{};
  feedIn(p.pairing, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 Timeout\r\n\r\n");
  EXPECT_EQ(p.log.seen.size(), 1U);
  EXPECT_EQ(p.pairing.lost(), Reason::kMalformed);
}

TEST(ResponsePairing, ResponsesThatNobodyWantsAreCountedAllTheSame) {
  ResponseLog log;
  ResponsePairing pairing(kMaxBody, log);
  pairing.begin(std::nullopt, Asked::kHead);
  pairing.begin(7, Asked::kUsual);
  EXPECT_TRUE(pairing.waits());
  feedIn(pairing,
         "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
         "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx");
  ASSERT_EQ(log.seen.size(), 1U);
  EXPECT_EQ(log.seen[0].request, 7U);
  EXPECT_EQ(log.seen[0].status, 201);
}

TEST(ResponsePairing, ABodyIsKeptUpToItsLimitAndCountedBeyond) {
  Pairing p;
  feedIn(p.pairing, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'b'),
         999);
  ASSERT_EQ(p.log.seen.size(), 1U);
  EXPECT_EQ(p.log.seen[0].body, std::string(kMaxBody, 'b'));
  EXPECT_EQ(p.log.seen[0].bodyBytes, 5000U);
}

TEST(ResponsePairing, AResponseBeforeTheRequestsEndHasNoLatency) {
  ResponseLog log;
  ResponsePairing pairing(kMaxBody, log);
  pairing.begin(1, Asked::kUsual);
  feedIn(pairing, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  pairing.requestEnded(WallTime(Nanos(5)));
  ASSERT_EQ(log.seen.size(), 1U);
  EXPECT_EQ(log.seen[0].latency, std::nullopt);
}

TEST(ResponsePairing, PipelinesAreBounded) {
  ResponseLog log;
  ResponsePairing pairing(kMaxBody, log);
  for (std::size_t i = 0; i <= ResponsePairing::kMaxPending; ++i) {
    pairing.begin(i, Asked::kUsual);
  }
  EXPECT_EQ(log.seen.size(), ResponsePairing::kMaxPending + 1);
  EXPECT_EQ(pairing.lost(), Reason::kOverBudget);
}

/// One generated exchange, and what a pairing must tell of it.
struct Exchange {
  std::string request;
  Asked asked;
  std::string response;
  int status;
  std::string body;
};

Exchange makeExchange(std::mt19937& random, int number, bool last) {
  const auto below = [&](std::size_t limit) { return random() % limit; };
  Exchange one;
  std::string content(below(3000), 'a');
  for (char& c : content) c = static_cast<char>(random());
  one.asked = below(4) == 0 ? Asked::kHead : Asked::kUsual;
  one.request = std::string(one.asked == Asked::kHead ? "HEAD" : "GET") + " /" +
                std::to_string(number) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  one.status = 400 + number;
  std::string head = below(3) == 0 ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
  head += "HTTP/1.1 " + std::to_string(one.status) +
          " Some\r\nX-Number: " + std::to_string(number) + "\r\n";
  std::string body;
  switch (last && below(2) == 0 ? 2 : below(2)) {
    case 0:
      head += "Content-Length: " + std::to_string(content.size()) + "\r\n";
      body = content;
      break;
    case 1: {
      head += "Transfer-Encoding: chunked\r\n";
      for (std::size_t at = 0; at < content.size();) {
        const std::size_t size = std::min(content.size() - at, 1 + below(500));
        std::array<char, 20> digits{};
        std::snprintf(digits.data(), digits.size(), "%zx\r\n", size);
        body += digits.data() + content.substr(at, size) + "\r\n";
        at += size;
      }
      body += "0\r\n\r\n";
      break;
    }
    default:
      body = content;
  }
  const bool bodiless = one.asked == Asked::kHead;
  one.response = head + "\r\n" + (bodiless ? "" : body);
  one.body = bodiless ? "" : content;
  return one;
}

/// Hands the heads to a pairing, as a mirror does.
class Requests final : public RequestListener {
 public:
  explicit Requests(ResponsePairing& pairing) : pairing_(pairing) {}
  void onHead(const RequestHead& head) override {
    pairing_.begin(++number, head.method == "HEAD" ? Asked::kHead : Asked::kUsual);
  }
  void onBody(std::span<const std::uint8_t>, std::span<const std::uint8_t>) override {}
  void onRequestEnd() override { pairing_.requestEnded({}); }
  void onOther(std::span<const std::uint8_t>) override { FAIL(); }
  std::uint64_t number = 0;

 private:
  ResponsePairing& pairing_;
};

TEST(ResponsePairing, AnySegmentationOfBothDirectionsGivesTheSamePairs) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<Exchange> exchanges;
    const int count = 1 + static_cast<int>(random() % 12);
    for (int i = 1; i <= count; ++i) exchanges.push_back(makeExchange(random, i, i == count));

    ResponseLog log;
    ResponsePairing pairing(1 << 20, log);
    Requests requests(pairing);
    Http1Parser parser;
    // The client may be ahead of the server by any number of whole requests, never behind.
    std::string toServer;
    std::string toClient;
    std::size_t sent = 0;
    std::size_t answered = 0;
    const auto piece = [&](std::string& from) {
      const std::string part = from.substr(0, 1 + random() % 700);
      from.erase(0, part.size());
      return part;
    };
    while (answered < exchanges.size() || !toClient.empty()) {
      if (!toServer.empty() || (sent < exchanges.size() && random() % 2 == 0)) {
        if (toServer.empty() || (sent < exchanges.size() && random() % 3 == 0)) {
          toServer += exchanges[sent++].request;
        }
        parser.feed(bytesOf(piece(toServer)), requests);
      } else if (!toClient.empty()) {
        pairing.feed(bytesOf(piece(toClient)), {});
      }
      if (answered < requests.number && random() % 2 == 0) {
        toClient += exchanges[answered++].response;
      }
    }
    pairing.end(Reason::kNone);

    ASSERT_EQ(log.seen.size(), exchanges.size()) << "round " << round;
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      EXPECT_EQ(log.seen[i].request, i + 1);
      EXPECT_EQ(log.seen[i].status, exchanges[i].status) << "round " << round;
      EXPECT_EQ(log.seen[i].body, exchanges[i].body) << "round " << round;
      EXPECT_NE(log.seen[i].head.find("X-Number: " + std::to_string(i + 1)), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace dormouse::http
