// HTTP/2 requests, pushed to programs on loopback that nghttp2 plays.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sink/push_fixture.h"
#include "tests/support/http2_peers.h"

namespace dormouse::sink {
namespace {

using dormouse::testing::Http2Server;
using test::Fd;
using test::LocalPort;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Settings = std::vector<nghttp2_settings_entry>;

/// A program that takes HTTP/2 connections.
class Program {
 public:
  struct Peer {
    Peer(Fd socket, const Settings& settings) : fd(std::move(socket)), server(settings) {}
    Fd fd;
    Http2Server server;
    bool ended = false;
    bool reset = false;
    bool broken = false;  // The other side has broken the rules.
  };

  explicit Program(Settings settings = {}) : settings_(std::move(settings)) {
    fcntl(port_.fd(), F_SETFL, O_NONBLOCK);
  }
  /// What is to be done now.
  void turn() {
    Fd fd(::accept4(port_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.get() >= 0) {
      peers.push_back(std::make_unique<Peer>(std::move(fd), settings_));
      peers.back()->server.answering = answering;
    }
    for (const auto& peer : peers) {
      if (peer->fd.get() < 0) continue;
      test::Received got;
      if (!deaf) test::readSome(peer->fd.get(), got);
      peer->ended |= got.ended;
      peer->reset |= got.reset;
      if (!got.bytes.empty()) {
        peer->broken |= !peer->server.receive(test::bytesOf(got.bytes));
      }
      const std::string out = mute ? "" : peer->server.take();
      if (!out.empty()) ::send(peer->fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    }
  }
  std::size_t whole() const {
    std::size_t count = 0;
    for (const auto& peer : peers) count += peer->server.whole();
    return count;
  }
  std::string text() const { return port_.text(); }

  bool answering = true;
  bool mute = false;  // Sends nothing.
  bool deaf = false;  // Reads nothing.
  std::vector<std::unique_ptr<Peer>> peers;

 private:
  const Settings settings_;
  LocalPort port_;
};

class PushHttp2Test : public test::PushTest {
 protected:
  void openHttp2(mirror::ConnectionHandle handle) {
    mirror::ConnectionInfo info;
    info.http2 = true;
    ASSERT_EQ(guarded([&] { return sink_->open(handle, info); }), Reason::kNone);
  }
  Reason begin(std::uint32_t number, std::string_view path,
               const std::vector<http::HeaderField>& fields = {}) {
    http::RequestHead head;
    head.majorVersion = 2;
    head.method = "POST";
    head.scheme = "http";
    head.authority = "a";
    head.target = path;
    head.fields = fields;
    const mirror::RequestInfo request{head, clock_.wallNow()};
    const Reason judged = sink_->judgeRequest(request);
    if (judged != Reason::kNone) return judged;
    return sink_->beginRequest({0, number}, request);
  }
  void body(std::uint32_t number, std::string_view text) {
    EXPECT_EQ(sink_->requestBody({0, number}, {}, test::bytesOf(text)), Reason::kNone);
  }
  void endRequest(std::uint32_t number, const std::vector<http::HeaderField>& trailers = {}) {
    sink_->endRequest({0, number}, trailers);
  }
  void whole(std::uint32_t number, std::string_view path, std::string_view text = "") {
    EXPECT_EQ(begin(number, path), Reason::kNone);
    body(number, text);
    endRequest(number);
  }
  void flush() { sink_->flush(clock_.now()); }
  void until(Program& program, const std::function<bool()>& done) {
    runUntil([&] {
      program.turn();
      flush();
      return done();
    });
  }
  std::size_t settled() const { return recorder_.requests.size(); }
  std::size_t settledAs(Reason fate) const {
    std::size_t count = 0;
    for (const auto& request : recorder_.requests) count += request.second == fate ? 1 : 0;
    return count;
  }
};

TEST_F(PushHttp2Test, RequestsThatOverlapArriveWhole) {
  Program program;
  start(program.text());
  openHttp2(0);
  ASSERT_EQ(begin(1, "/1", {{"x-a", "1"}}), Reason::kNone);
  body(1, "ab");
  whole(3, "/3");
  body(1, "cd");
  endRequest(1, {{"t", "2"}});
  until(program, [&] { return settled() == 2 && program.whole() == 2; });
  const auto& requests = program.peers.at(0)->server.requests;
  EXPECT_THAT(requests.at(1).head,
              ElementsAre(Pair(":method", "POST"), Pair(":scheme", "http"), Pair(":authority", "a"),
                          Pair(":path", "/1"), Pair("x-a", "1")));
  EXPECT_EQ(requests.at(1).body, "abcd");
  EXPECT_THAT(requests.at(1).trailers, ElementsAre(Pair("t", "2")));
  EXPECT_EQ(settledAs(Reason::kNone), 2U);
  close(*sink_, 0);
  until(program, [&] { return recorder_.fate(0).has_value() && program.peers.at(0)->ended; });
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
  EXPECT_TRUE(program.peers.at(0)->server.saidGoodbye);
  EXPECT_FALSE(program.peers.at(0)->broken);
}

TEST_F(PushHttp2Test, AHeadIsNotHeldBackForItsBody) {
  Program program;
  start(program.text());
  openHttp2(0);
  ASSERT_EQ(begin(1, "/1"), Reason::kNone);
  until(program,
        [&] { return !program.peers.empty() && !program.peers[0]->server.requests.empty(); });
  body(1, "later");
  until(program, [&] { return program.peers[0]->server.requests.at(1).body == "later"; });
  EXPECT_EQ(settled(), 0U);
  endRequest(1);
  until(program, [&] { return settled() == 1; });
}

TEST_F(PushHttp2Test, TheProgramsSettingsAndWindowsHold) {
  Program program({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100},
                   {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0},
                   {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}});
  start(program.text());
  openHttp2(0);
  const std::string text(20000, 'b');
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_EQ(begin(2 * i + 1, "/" + std::to_string(i), {{"x-same", "value"}}), Reason::kNone);
    body(2 * i + 1, text);
    endRequest(2 * i + 1);
  }
  until(program, [&] { return program.whole() == 20 && settled() == 20; });
  EXPECT_EQ(settledAs(Reason::kNone), 20U);
  ASSERT_EQ(program.peers.size(), 1U);
  EXPECT_FALSE(program.peers[0]->broken);
  for (const auto& [stream, request] : program.peers[0]->server.requests) {
    EXPECT_EQ(request.body, text);
  }
}

TEST_F(PushHttp2Test, NothingIsSentBeforeTheProgramHasShownThatItSpeaksHttp2) {
  Program program;
  program.mute = true;
  start(program.text());
  openHttp2(0);
  whole(1, "/1");
  until(program, [&] { return !program.peers.empty(); });
  for (int i = 0; i < 5; ++i) {
    program.turn();
    drainEvents();
    flush();
  }
  EXPECT_TRUE(program.peers[0]->server.requests.empty());
  EXPECT_EQ(settled(), 0U);
  program.mute = false;
  until(program, [&] { return settled() == 1; });
  EXPECT_EQ(settledAs(Reason::kNone), 1U);
}

TEST_F(PushHttp2Test, AProgramThatSpeaksHttp1IsSaidToBe) {
  LocalPort http1;
  start(http1.text());
  openHttp2(0);
  whole(1, "/1");
  flush();
  const Fd peer = http1.accept();
  const std::string_view answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
  ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  runUntil([&] { return settled() == 1; });
  EXPECT_EQ(settledAs(Reason::kSinkRefused), 1U);
  EXPECT_EQ(sink_->trouble(), http1.text() + " does not speak HTTP/2");
  close(*sink_, 0);
  flush();
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkRefused);
}

TEST_F(PushHttp2Test, AProgramThatSaysNothingIsSaidNotToSpeakHttp2) {
  Program program;
  program.mute = true;
  start(program.text());
  openHttp2(0);
  whole(1, "/1");
  until(program, [&] { return !program.peers.empty(); });
  clock_.advance(std::chrono::hours(1));  // It may stand in a debugger.
  flush();
  EXPECT_EQ(settled(), 0U);
  close(*sink_, 0);
  clock_.advance(std::chrono::seconds(60));
  flush();
  EXPECT_EQ(settledAs(Reason::kSinkRefused), 1U);
  EXPECT_EQ(sink_->trouble(), program.text() + " does not speak HTTP/2");
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkRefused);
}

TEST_F(PushHttp2Test, ARefusalIsOfTheRequestsThatWaitAndOfThoseOfTheNextSecond) {
  auto closed = std::make_unique<LocalPort>(SOCK_STREAM, false);
  start(closed->text());
  openHttp2(0);
  whole(1, "/1");
  flush();
  runUntil([&] { return settled() == 1; });
  EXPECT_THAT(std::string(sink_->trouble()), HasSubstr("nothing listens on"));
  EXPECT_EQ(sink_->failures().refused, 1U);
  whole(3, "/3");
  flush();
  EXPECT_EQ(settledAs(Reason::kSinkRefused), 2U);
  EXPECT_EQ(sink_->failures().refused, 1U) << "tried again at once";
  clock_.advance(std::chrono::seconds(1));
  whole(5, "/5");
  flush();
  runUntil([&] { return settled() == 3; });
  EXPECT_EQ(sink_->failures().refused, 2U);
}

TEST_F(PushHttp2Test, AfterAGoodbyeTheNextConnectionTakesOver) {
  Program program;
  start(program.text());
  openHttp2(0);
  std::uint32_t number = 1;
  for (std::size_t connection = 1; connection <= 3; ++connection) {
    for (int i = 0; i < 5; ++i, number += 2) whole(number, "/", "body");
    until(program,
          [&] { return settled() == connection * 5 && program.whole() == connection * 5; });
    program.peers.back()->server.goAway();
    until(program,
          [&] { return program.peers.back()->server.saidGoodbye || program.peers.back()->ended; });
    program.peers.back()->fd.close();
    drainEvents();
  }
  EXPECT_EQ(program.peers.size(), 3U);
  EXPECT_EQ(settledAs(Reason::kNone), 15U);
}

TEST_F(PushHttp2Test, ABrokenConnectionTakesItsUnfinishedRequestAlongAndNothingElse) {
  Program program;
  start(program.text());
  openHttp2(0);
  whole(1, "/1");
  ASSERT_EQ(begin(3, "/3"), Reason::kNone);
  body(3, "half");
  until(program,
        [&] { return settled() == 1 && program.peers.at(0)->server.requests.size() == 2; });
  program.peers[0]->fd.reset();
  drainEvents();
  endRequest(3);
  whole(5, "/5", "again");
  until(program, [&] { return settled() == 3; });
  EXPECT_EQ(settledAs(Reason::kNone), 2U);
  EXPECT_EQ(settledAs(Reason::kSinkClosed), 1U);
  EXPECT_EQ(program.peers.size(), 2U);
  close(*sink_, 0);
  until(program, [&] { return recorder_.fate(0).has_value(); });
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
}

TEST_F(PushHttp2Test, ARequestThatIsRefusedIsCountedAlone) {
  Program program;
  start(program.text());
  openHttp2(0);
  ASSERT_EQ(begin(1, "/1"), Reason::kNone);
  until(program,
        [&] { return !program.peers.empty() && !program.peers[0]->server.requests.empty(); });
  program.peers[0]->server.refuse(1);
  program.turn();
  drainEvents();
  endRequest(1);
  whole(3, "/3");
  until(program, [&] { return settled() == 2; });
  EXPECT_EQ(settledAs(Reason::kSinkRefused), 1U);
  EXPECT_EQ(settledAs(Reason::kNone), 1U);
}

TEST_F(PushHttp2Test, WhatDoesNotFitIsShedRequestByRequest) {
  Program program({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  PushOptions options;
  options.budget = 256 << 10;
  start(program.text(), options);
  openHttp2(0);
  const std::string text(30000, 'x');
  ASSERT_EQ(begin(1, "/1"), Reason::kNone);
  for (int i = 0; i < 20; ++i) body(1, text);
  endRequest(1);
  whole(3, "/3");
  until(program, [&] { return settled() == 2; });
  EXPECT_EQ(settledAs(Reason::kOverBudget), 1U);
  EXPECT_EQ(settledAs(Reason::kNone), 1U);
  EXPECT_FALSE(recorder_.fate(0).has_value());
  whole(5, "/5", text);
  flush();
  finish();
  EXPECT_EQ(settledAs(Reason::kMirrorEnded), 1U);
  EXPECT_EQ(recorder_.fate(0), Reason::kMirrorEnded);
}

TEST_F(PushHttp2Test, ABrokenOffRequestIsReset) {
  Program program;
  start(program.text());
  openHttp2(0);
  ASSERT_EQ(begin(1, "/1"), Reason::kNone);
  body(1, "half");
  ASSERT_EQ(begin(3, "/never-sent"), Reason::kNone);
  sink_->cancelRequest({0, 3}, Reason::kMalformed);
  until(program,
        [&] { return !program.peers.empty() && !program.peers[0]->server.requests.empty(); });
  sink_->cancelRequest({0, 1}, Reason::kMalformed);
  until(program, [&] { return program.peers[0]->server.requests.at(1).reset; });
  EXPECT_EQ(program.peers[0]->server.requests.size(), 1U);
  EXPECT_EQ(settled(), 0U) << "the mirror counts it itself";
  close(*sink_, 0);
  until(program, [&] { return recorder_.fate(0).has_value(); });
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
}

TEST_F(PushHttp2Test, TheEndWaitsForAnswersAsLongAsTheLingerTime) {
  Program program;
  program.answering = false;
  start(program.text());
  openHttp2(0);
  whole(1, "/1");
  until(program, [&] { return program.whole() == 1; });
  close(*sink_, 0);
  for (int i = 0; i < 5; ++i) {
    program.turn();
    drainEvents();
    flush();
  }
  EXPECT_FALSE(recorder_.fate(0).has_value());
  EXPECT_FALSE(program.peers[0]->ended);
  clock_.advance(std::chrono::seconds(60));
  flush();
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
  EXPECT_EQ(settledAs(Reason::kNone), 1U);
}

TEST_F(PushHttp2Test, AProgramThatOnlySaysGoodbyeIsNotAskedWithoutEnd) {
  Program program;
  start(program.text());
  openHttp2(0);
  program.mute = true;
  whole(1, "/1");
  until(program, [&] { return !program.peers.empty(); });
  program.peers[0]->server.goAway();
  program.mute = false;
  until(program, [&] { return settled() == 1; });
  EXPECT_EQ(settledAs(Reason::kSinkRefused), 1U);
  EXPECT_LE(program.peers.size(), 2U);
}

TEST_F(PushHttp2Test, MoreStreamsThanTheProgramTakesWaitTheirTurn) {
  Program program({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
  program.answering = false;
  start(program.text());
  openHttp2(0);
  for (std::uint32_t i = 0; i < 5; ++i) whole(2 * i + 1, "/");
  until(program, [&] { return settled() == 1; });
  close(*sink_, 0);
  for (std::int32_t stream = 1; stream <= 9; stream += 2) {
    until(program, [&] { return program.peers[0]->server.requests.count(stream) != 0; });
    program.peers[0]->server.answer(stream);
  }
  until(program, [&] { return recorder_.fate(0).has_value(); });
  EXPECT_EQ(settledAs(Reason::kNone), 5U);
}

}  // namespace
}  // namespace dormouse::sink
