// What a mirror makes of the pod's own direction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "mirror/flow_mirror.h"
#include "tests/mirror/fake_sink.h"
#include "tests/support/packets.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::FakeSink;
using dormouse::testing::Segment;
using dormouse::testing::TcpClient;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One connection with both directions; offsets and acknowledgments are kept by it.
struct Talk {
  explicit Talk(std::uint16_t port = 40000) { tcp.client.port = port; }

  Segment syn() const { return tcp.syn(); }
  Segment synAck() const {
    Segment segment = tcp.make(capture::kSyn | capture::kAck, isn);
    segment.acknowledgment = tcp.at(0);
    return turned(segment);
  }
  Segment ask(const std::string& text) {
    TcpClient now = tcp;
    now.ack = isn + 1 + read;
    Segment segment = now.data(sent, text);
    sent += static_cast<std::uint32_t>(text.size());
    return segment;
  }
  /// `acknowledged`: by the client's next segment.
  Segment answer(const std::string& text) {
    Segment segment = tcp.make(capture::kAck | capture::kPsh, isn + 1 + read, text);
    segment.acknowledgment = tcp.at(sent);
    read += static_cast<std::uint32_t>(text.size());
    return turned(segment);
  }
  Segment podFin(std::uint8_t flag = capture::kFin) const {
    Segment segment = tcp.make(static_cast<std::uint8_t>(capture::kAck | flag), isn + 1 + read);
    segment.acknowledgment = tcp.at(sent);
    return turned(segment);
  }
  Segment fin() const { return tcp.fin(sent); }
  Segment rst() const { return tcp.rst(sent); }

  static Segment turned(Segment segment) {
    std::swap(segment.source, segment.destination);
    segment.outbound = true;
    return segment;
  }

  TcpClient tcp;
  std::uint32_t isn = 7'000'000;
  std::uint32_t sent = 0;
  std::uint32_t read = 0;
};

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Responses : public ::testing::Test {
 protected:
  void start(bool responses = true, wire::RequestSelection requests = {}) {
    MirrorIdentity identity;
    identity.id = "m-1";
    identity.spec.ports = {8080};
    identity.spec.format = wire::Format::kNdjson;
    identity.spec.responses = responses;
    identity.spec.requests = std::move(requests);
    identity.started = clock_.wallNow();
    mirror_ = std::make_unique<FlowMirror>(identity, capture::LinkType::kRaw, table_, 3, own_,
                                           [this](SinkListener& listener) {
                                             auto sink = std::make_unique<FakeSink>(listener);
                                             sink->takesRaw = takesRaw_;
                                             sink_ = sink.get();
                                             return sink;
                                           });
  }
  void feed(const Segment& segment) {
    feedQuietly(segment);
    EXPECT_TRUE(mirror_->report().ledger.balances());
  }
  /// Without a look at the ledger.
  void feedQuietly(const Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror_->beginBatch(clock_.now());
    mirror_->onPacket({segment.timestamp, bytes, static_cast<std::uint32_t>(bytes.size())});
  }
  void open(const Talk& talk) {
    feedQuietly(talk.syn());
    feedQuietly(talk.synAck());
  }
  void end() {
    mirror_->noteEnd("deleted");
    mirror_->endCapture();
    mirror_->finish();
    EXPECT_TRUE(mirror_->report().ledger.balances());
  }
  wire::Account account() const { return mirror_->report().ledger.responses.value(); }

  ManualClock clock_;
  reassembly::FlowTable table_{reassembly::Limits{}};
  OwnSockets own_{clock_};
  bool takesRaw_ = false;
  FakeSink* sink_ = nullptr;
  std::unique_ptr<FlowMirror> mirror_;
};

TEST_F(Responses, AreFoundForEachRequestInTheirOrder) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/1?q") + "HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
  feed(talk.answer(ok("one") + "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n"));
  feed(talk.ask(get("/3")));
  feed(talk.answer("HTTP/1.1 200 OK\r\n\r\nto the "));
  feed(talk.answer("end"));
  feed(talk.podFin());
  feed(talk.fin());
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 200 one", "100.2 HEAD /2 404 ",
                                          "100.3 GET /3 200 to the end"));
  EXPECT_EQ(account().seen, 3U);
  EXPECT_EQ(account().delivered, 3U);
  const wire::Ledger ledger = mirror_->report().ledger;
  EXPECT_EQ(ledger.packets.seen, 4U) << "the pod's packets are not counted among the clients'";
}

TEST_F(Responses, WithoutBeingAskedForNothingIsFollowed) {
  start(false);
  Talk talk;
  open(talk);
  feed(talk.ask(get("/")));
  feed(talk.answer(ok("x")));
  EXPECT_THAT(sink_->answers, IsEmpty());
  EXPECT_FALSE(mirror_->report().ledger.responses);
  EXPECT_EQ(table_.flows(), 1U);
}

TEST_F(Responses, RequestsThatAreLeftOutHaveNoneButAreCounted) {
  wire::RequestSelection selection;
  selection.path = "^/yes";
  start(true, selection);
  Talk talk;
  open(talk);
  feed(talk.ask(get("/no") + get("/yes")));
  feed(talk.answer(ok("not this") + ok("this")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.2 GET /yes 200 this"));
  EXPECT_EQ(account().seen, 1U);
}

TEST_F(Responses, AClientThatHasSentFinGetsItsAnswerAllTheSame) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/")));
  feed(talk.fin());
  sink_->settleClosed();
  feed(talk.answer(ok("late")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET / 200 late"));
}

TEST_F(Responses, AnEndThatIsNeverSeenIsGivenUpAfterAWhile) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/")));
  feed(talk.fin());
  sink_->settleClosed();
  mirror_->flush(clock_.now());
  clock_.advance(std::chrono::minutes(4));
  EXPECT_LE(mirror_->flush(clock_.now()), clock_.now() + std::chrono::seconds(30));
  EXPECT_EQ(account().open, 1U);
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(mirror_->flush(clock_.now()), clock_.now() + std::chrono::seconds(30));
  EXPECT_EQ(account().skippedFor(Reason::kUnanswered), 1U);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_EQ(mirror_->flush(clock_.now()), TimePoint::max()) << "nothing waits";
}

TEST_F(Responses, ResetsAndEndsLeaveRequestsUnanswered) {
  start();
  Talk client(1);
  open(client);
  feed(client.ask(get("/1")));
  feed(client.rst());
  Talk pod(2);
  open(pod);
  feed(pod.ask(get("/2")));
  feed(pod.answer("HTTP/1.1 200 OK\r\n\r\ncut by a reset"));
  feed(pod.podFin(capture::kRst));
  Talk closed(3);
  open(closed);
  feed(closed.ask(get("/3")));
  feed(closed.podFin());
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 unanswered", "101.1 GET /2 unanswered",
                                          "102.1 GET /3 unanswered"));
  EXPECT_EQ(account().skippedFor(Reason::kUnanswered), 3U);
  EXPECT_THAT(mirror_->report().verdict, HasSubstr("3 of 3 responses missing: unanswered 3"));
  EXPECT_EQ(mirror_->report().ledger.requests.skippedTotal(), 0U);
}

TEST_F(Responses, AHoleLosesThemUntilTheClientAsksAgain) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/1")));
  feed(talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"));
  talk.answer(std::string(100, 'x'));  // Never captured.
  feed(talk.answer(std::string(200, 'x')));
  feed(talk.ask(get("/2")));
  EXPECT_THAT(sink_->answers, IsEmpty());
  clock_.advance(std::chrono::seconds(3));
  table_.expire(clock_.now());
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 gap", "100.2 GET /2 gap"));
  feed(talk.answer(ok("two")));
  feed(talk.ask(get("/3")));
  feed(talk.answer(ok("three")));
  ASSERT_EQ(sink_->answers.size(), 3U);
  EXPECT_EQ(sink_->answers[2], "100.3 GET /3 200 three");
  EXPECT_EQ(mirror_->report().ledger.requests.skippedTotal(), 0U);
}

TEST_F(Responses, AfterAHoleAPipelinedRequestDoesNotPassForAnAnsweredOne) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/1")));
  feed(talk.answer("no HTTP"));
  feed(talk.answer("\r\n\r\n"));
  talk.read -= 11;  // The client has read nothing of it yet.
  feed(talk.ask(get("/2")));
  talk.read += 11;
  feed(talk.answer(ok("one")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 malformed", "100.2 GET /2 malformed"));
  EXPECT_EQ(account().skippedFor(Reason::kMalformed), 2U);
}

TEST_F(Responses, APipelinedRequestMayCrossTheResponseBeforeIt) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/1")));
  const std::uint32_t before = talk.read;
  feed(talk.answer(ok("one")));
  const std::uint32_t after = std::exchange(talk.read, before);
  feed(talk.ask(get("/2")));  // It acknowledges nothing of the first one.
  talk.read = after;
  feed(talk.answer(ok("two")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 200 one", "100.2 GET /2 200 two"));
}

TEST_F(Responses, WithoutMemoryToRememberAConnectionNothingIsMixedUp) {
  start();
  std::vector<Talk> talks;
  for (std::uint16_t i = 0; i < 9000; ++i) {
    Talk& talk = talks.emplace_back(static_cast<std::uint16_t>(10'000 + i));
    open(talk);
    feedQuietly(talk.ask(get("/")));
  }
  Talk last(1);
  open(last);
  feed(last.ask(get("/1")));
  EXPECT_EQ(sink_->answers.back().substr(sink_->answers.back().find(' ')), " GET /1 over-budget");
  feed(last.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"));
  for (std::size_t i = 0; i < 500; ++i) feedQuietly(talks[i].answer(ok("x")));
  last.read = 0;
  feed(last.ask(get("/2")));
  last.read = 40;
  feed(last.answer(ok("a body that looks like a response")));
  EXPECT_EQ(sink_->answers.back().find("200"), std::string::npos) << sink_->answers.back();
}

TEST_F(Responses, AJoinedConnectionHasThemFromItsFirstRequestOn) {
  start();
  Talk talk;
  feed(talk.answer("the end of a response"));
  feed(talk.ask("the end of a request"));
  feed(talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  feed(talk.ask(get("/1")));
  feed(talk.answer(ok("one")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 200 one"));
}

TEST_F(Responses, AnUpgradeIsAnsweredAndTheRestIsATunnel) {
  start();
  Talk talk;
  open(talk);
  feed(
      talk.ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
  feed(talk.answer("HTTP/1.1 101 Switching\r\n\r\n\x81\x01x"));
  feed(talk.ask("\x81\x01y"));
  feed(talk.answer("\x81\x01z"));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /ws 101 "));
}

TEST_F(Responses, LargeOnesAreKeptUpToALimitAndShedBeyondAllTogether) {
  start();
  const std::size_t each = 60'000;
  std::vector<Talk> talks;
  for (std::uint16_t i = 0; i < 200; ++i) {
    Talk& talk = talks.emplace_back(static_cast<std::uint16_t>(1000 + i));
    open(talk);
    feed(talk.ask(get("/")));
    feed(
        talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + std::string(10'000, 'x')));
    feed(talk.answer(std::string(each - 10'000, 'x')));
  }
  const std::uint64_t shed = account().skippedFor(Reason::kOverBudget);
  EXPECT_GT(shed, 40U);
  EXPECT_LT(shed, 120U);
  for (Talk& talk : talks) feed(talk.answer(std::string(10'000, 'x')));
  EXPECT_EQ(account().delivered, 200U - shed);
  EXPECT_EQ(mirror_->report().ledger.requests.skippedTotal(), 0U);
}

TEST_F(Responses, WhatTheSinkRefusesIsCounted) {
  start();
  sink_->refuseResponse = Reason::kOverBudget;
  Talk talk;
  open(talk);
  feed(talk.ask(get("/")));
  feed(talk.answer(ok("x")));
  EXPECT_EQ(account().skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(account().open, 0U);
}

TEST_F(Responses, TheMirrorsEndLeavesNoneOpen) {
  start();
  Talk talk;
  open(talk);
  feed(talk.ask(get("/1") + get("/2")));
  feed(talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
  EXPECT_FALSE(mirror_->settled());
  end();
  EXPECT_EQ(account().skippedFor(Reason::kMirrorEnded), 2U);
  EXPECT_EQ(account().open, 0U);
  EXPECT_EQ(table_.flows(), 0U);
}

TEST_F(Responses, TheSamePortsAgainAreAnotherConnection) {
  start();
  Talk first;
  open(first);
  feed(first.ask(get("/1")));
  Talk second;
  second.tcp.isn += 500'000;
  second.isn += 500'000;
  open(second);
  feed(second.ask(get("/2")));
  feed(second.answer(ok("two")));
  EXPECT_THAT(sink_->answers, ElementsAre("100.1 GET /1 unanswered", "101.1 GET /2 200 two"));
}

TEST_F(Responses, ConnectionsThatAreNotHttpGoToASinkThatTakesThem) {
  start();
  Talk left;
  open(left);
  feed(left.ask("*1\r\n"));
  EXPECT_TRUE(sink_->live.empty());
  EXPECT_EQ(mirror_->report().ledger.connections.skippedFor(Reason::kFiltered), 1U);
  end();

  takesRaw_ = true;
  wire::RequestSelection selection;
  selection.path = "^/";
  start(true, selection);
  Talk selected(1);
  open(selected);
  feed(selected.ask("*1\r\n"));
  EXPECT_TRUE(sink_->live.empty()) << "something else was to be selected";
  end();

  start();
  Talk taken(2);
  open(taken);
  feed(taken.ask("*1\r\n"));
  feed(taken.ask("$4\r\nPING\r\n"));
  feed(taken.fin());
  Talk undecided(3);
  open(undecided);
  feed(undecided.ask("PI"));
  feed(undecided.ask("NG"));
  EXPECT_EQ(sink_->live.size(), 1U);
  feed(undecided.fin());
  ASSERT_EQ(sink_->live.size(), 2U);
  EXPECT_EQ(sink_->live[0].bytes, "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(sink_->live[1].bytes, "PING");
  sink_->settleClosed();
  EXPECT_EQ(mirror_->report().ledger.connections.delivered, 2U);
  EXPECT_EQ(mirror_->report().ledger.requests.seen, 0U);
}

TEST_F(Responses, OfManyClientsAtOnceTheyAreNeverMixedUp) {
  start();
  std::mt19937 random(5);
  std::vector<Talk> talks;
  for (std::uint16_t i = 0; i < 50; ++i) talks.emplace_back(static_cast<std::uint16_t>(2000 + i));
  for (const Talk& talk : talks) open(talk);
  std::vector<std::string> expected;
  std::vector<int> asked(talks.size());
  for (int step = 0; step < 3000; ++step) {
    const std::size_t i = random() % talks.size();
    const std::string name = std::to_string(i) + "/" + std::to_string(++asked[i]);
    const std::string request = get("/" + name);
    const std::size_t cut = 1 + random() % (request.size() - 1);
    feed(talks[i].ask(request.substr(0, cut)));
    feed(talks[i].ask(request.substr(cut)));
    const std::string response = ok("body of " + name);
    const std::size_t part = 1 + random() % (response.size() - 1);
    feed(talks[i].answer(response.substr(0, part)));
    feed(talks[i].answer(response.substr(part)));
    expected.push_back("GET /" + name + " 200 body of " + name);
  }
  ASSERT_EQ(sink_->answers.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_THAT(sink_->answers[i], ::testing::EndsWith(expected[i]));
  }
}

}  // namespace
}  // namespace dormouse::mirror
