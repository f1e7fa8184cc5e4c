// What a mirror makes of the pod's own direction of HTTP/2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mirror/flow_mirror_fixture.h"
#include "tests/mirror/talk.h"
#include "tests/support/http2_answers.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::Http2Answers;
using dormouse::testing::Http2Client;
using dormouse::testing::http2Frame;
using dormouse::testing::http2Get;
using dormouse::testing::Http2List;
using dormouse::testing::http2Post;
using ::testing::ElementsAre;

class Http2Responses : public FlowMirrorTest {
 protected:
  void start(wire::RequestSelection requests = {}) {
    wire::MirrorSpec spec;
    spec.format = wire::Format::kNdjson;
    spec.responses = true;
    spec.requests = std::move(requests);
    FlowMirrorTest::start(std::move(spec));
  }
  void open(const Talk& talk) {
    feed(talk.syn());
    feed(talk.synAck());
  }
  wire::Account account() const {
    const wire::Account account = ledger().responses.value();
    EXPECT_TRUE(account.balances());
    return account;
  }
  /// A connection whose client and server both have said nothing yet.
  void connect(std::uint16_t port = 40000) {
    talk_ = Talk(port);
    client_ = std::make_unique<Http2Client>();
    server_ = std::make_unique<Http2Answers>();
    open(talk_);
  }
  /// The client asks; its stream.
  std::int32_t ask(const Http2List& head, const std::string& body = "", bool whole = true) {
    const std::int32_t stream = client_->request(head, body, whole);
    server_->asked(static_cast<std::uint32_t>(stream), head);
    feed(talk_.ask(client_->take()));
    return stream;
  }
  void respond(std::int32_t stream, const std::string& body = "", const Http2List& more = {}) {
    Http2List head = {{":status", "200"}};
    head.insert(head.end(), more.begin(), more.end());
    server_->answer(stream, head, body);
    feed(talk_.answer(server_->take()));
  }

  static std::string ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  Talk talk_;
  std::unique_ptr<Http2Client> client_;
  std::unique_ptr<Http2Answers> server_;
};

TEST_F(Http2Responses, AreFoundByTheirStream) {
  start();
  connect();
  const auto one = ask(http2Get("/one?q"));
  const auto two = ask(http2Post("/two"), "body");
  respond(two, "second", {{"x-long", "value"}});
  respond(one, "first", {{"x-long", "value"}});
  EXPECT_THAT(sink_->answers,
              ElementsAre("100.3 POST /two 200 second", "100.1 GET /one 200 first"));
  feed(talk_.podFin());
  feed(talk_.fin());
  EXPECT_EQ(account().seen, 2U);
  EXPECT_EQ(account().delivered, 2U);
}

TEST_F(Http2Responses, TheServerMayGreetFirstAndInPieces) {
  start();
  connect();
  const std::string greeting = server_->take();
  feed(talk_.answer(greeting.substr(0, 4)));
  feed(talk_.answer(greeting.substr(4)));
  const auto one = ask(http2Get("/one"));
  respond(one, "first");
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /one 200 first"));
}

TEST_F(Http2Responses, OfRequestsThatAreLeftOutTheyAreReadAllTheSame) {
  wire::RequestSelection selection;
  selection.path = "^/wanted";
  start(selection);
  connect();
  respond(ask(http2Get("/other")), "x", {{"x-table", "entry"}});
  respond(ask(http2Get("/wanted")), "y", {{"x-table", "entry"}});
  EXPECT_THAT(sink_->answers, ElementsAre("100.3 GET /wanted 200 y"));
  EXPECT_EQ(account().seen, 1U);
}

TEST_F(Http2Responses, AGapLosesTheRestOfTheConnectionAndNoRequest) {
  start();
  connect();
  respond(ask(http2Get("/1")), "one");
  ask(http2Get("/2"));
  server_->answer(3, {{":status", "200"}}, "lost");
  talk_.answer(server_->take());  // Not captured.
  respond(ask(http2Get("/3")), "three");
  clock_.advance(std::chrono::minutes(1));
  table_.expire(clock_.now());
  EXPECT_THAT(sink_->answers,
              ElementsAre("100.1 GET /1 200 one", "100.3 GET /2 gap", "100.5 GET /3 gap"));
  ask(http2Get("/4"));
  EXPECT_EQ(sink_->answers.back(), "100.7 GET /4 gap");
  feed(talk_.fin());
  sink_->settleClosed();
  EXPECT_EQ(ledger().requests.delivered, 4U);
  EXPECT_EQ(ledger().requests.skippedTotal(), 0U);
}

TEST_F(Http2Responses, AConnectionWhoseSynAckWasLostIsNotFollowed) {
  start();
  connect();
  talk_ = Talk(40002);
  feed(talk_.syn());
  ask(http2Get("/1"));
  feed(talk_.answer(server_->take()));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 gap"));
}

TEST_F(Http2Responses, MalformedBytesLoseTheRestOfTheConnection) {
  start();
  connect();
  ask(http2Get("/1"));
  feed(talk_.answer("HTTP/1.1 400 Bad Request\r\n\r\n"));
  ask(http2Get("/2"));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 malformed", "100.3 GET /2 malformed"));
}

TEST_F(Http2Responses, WhoResetsItsRequestGetsNoAnswer) {
  start();
  connect();
  const auto one = ask(http2Post("/1"), "begun", false);
  const auto two = ask(http2Get("/2"));
  client_->reset(one);
  client_->reset(two);
  feed(talk_.ask(client_->take()));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 POST /1 unanswered", "100.3 GET /2 unanswered"));
  respond(ask(http2Get("/3")), "three");
  EXPECT_EQ(sink_->answers.back(), "100.5 GET /3 200 three");
}

TEST_F(Http2Responses, TheEndLeavesTheRestUnanswered) {
  start();
  connect();
  ask(http2Get("/1"));
  feed(talk_.podFin());
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 unanswered"));
  connect(40001);
  ask(http2Get("/2"));
  feed(talk_.rst());
  EXPECT_EQ(sink_->answers.back(), "101.1 GET /2 unanswered");
  connect(40002);
  ask(http2Get("/3"));
  end();
  EXPECT_EQ(sink_->answers.back(), "102.1 GET /3 mirror-ended");
  EXPECT_EQ(account().open, 0U);
}

TEST_F(Http2Responses, AnotherConnectionOfTheSameTupleIsAnotherOne) {
  start();
  connect();
  respond(ask(http2Get("/1")), "one", {{"x-a", "1"}});
  feed(talk_.podFin());
  feed(talk_.fin());
  sink_->settleClosed();
  const std::uint32_t before = talk_.isn;
  connect();
  talk_.isn = before + 5'000'000;
  talk_.tcp.isn += 5'000'000;
  open(talk_);
  respond(ask(http2Get("/2")), "two", {{"x-a", "1"}});
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 200 one", "100.1 GET /2 200 two"));
}

TEST_F(Http2Responses, AnUpgradeGoesOnInHttp2HoweverItIsCut) {
  Http2Answers answers;
  answers.asked(1);
  answers.answer(1, {{":status", "200"}, {"x-a", "1"}}, "upgraded");
  const std::string granted =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
      answers.take();
  answers.asked(3);
  answers.answer(3, {{":status", "200"}, {"x-a", "1"}}, "three");
  const std::string later = answers.take();
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{90}, std::size_t{10'000}}) {
    start();
    connect(static_cast<std::uint16_t>(40000 + chunk));
    feed(
        talk_.ask("GET /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"));
    for (std::size_t at = 0; at < granted.size(); at += chunk) {
      feed(talk_.answer(granted.substr(at, chunk)));
    }
    EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /first 200 upgraded")) << chunk;
    std::string preface = client_->take();  // As of a client that has begun with stream 3.
    preface += http2Frame(1, 5, 3, dormouse::testing::http2Literals(http2Get("/three")));
    feed(talk_.ask(preface));
    feed(talk_.answer(later));
    EXPECT_THAT(sink_->answers,
                ElementsAre("100.1 GET /first 200 upgraded", "101.3 GET /three 200 three"))
        << chunk;
    mirror_.reset();
  }
}

TEST_F(Http2Responses, AnUpgradeThatIsNotGrantedStaysWithHttp1) {
  start();
  connect();
  feed(
      talk_.ask("GET /first HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"));
  feed(talk_.answer(ok("plain")));
  feed(talk_.ask("GET /second HTTP/1.1\r\nHost: a\r\n\r\n"));
  feed(talk_.answer(ok("again")));
  EXPECT_THAT(sink_->answers,
              ElementsAre("100.1 GET /first 200 plain", "100.2 GET /second 200 again"));
}

TEST_F(Http2Responses, ContentsAboveTheMemoryAreLostAndTheConnectionIsNot) {
  start();
  connect();
  std::vector<std::int32_t> streams;
  for (int i = 0; i < 60; ++i) streams.push_back(ask(http2Get("/" + std::to_string(i))));
  const std::string large(ResponseExchange::kMaxBody, 'x');
  for (const std::int32_t stream : streams) {
    server_->answer(stream, {{":status", "200"}}, large, false);
    const std::string bytes = server_->take();
    for (std::size_t at = 0; at < bytes.size(); at += 60'000) {
      feed(talk_.answer(bytes.substr(at, 60'000)));
    }
  }
  EXPECT_GT(account().skipped.at(static_cast<std::size_t>(Reason::kOverBudget)), 10U);
  respond(ask(http2Get("/after")), "fine");
  EXPECT_THAT(sink_->answers.back(), ::testing::HasSubstr("/after 200 fine"));
  end();
}

TEST_F(Http2Responses, ServersOfOtherProtocolsAreForgotten) {
  start();
  for (std::uint16_t port = 1; port < 2000; ++port) {
    Talk talk(port);
    open(talk);
    feed(talk.answer(std::string("\0\0\0\1 some other greeting", 20)));
  }
  connect(50000);
  respond(ask(http2Get("/1")), "one");
  EXPECT_EQ(sink_->answers.size(), 1U);
}

}  // namespace
}  // namespace dormouse::mirror
