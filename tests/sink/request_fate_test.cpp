// What becomes of requests where they are handed on as they come: each has a fate of its own, and
// what was judged to fit is never cut by what came beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "sink/frames_sink.h"
#include "tests/sink/frames_fixture.h"
#include "tests/sink/push_fixture.h"
#include "tests/sink/request_feeder.h"

namespace dormouse::sink {
namespace {

using mirror::ConnectionHandle;
using test::RequestFeeder;

constexpr std::size_t kBudget = 64 << 10;

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string put(std::size_t size) {
  return "PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
         std::string(size, 'b');
}

std::string chunk(std::size_t size) {
  std::ostringstream line;
  line << std::hex << size << "\r\n";
  return line.str() + std::string(size, 'c') + "\r\n";
}

const std::string kChunked = "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

class FramesFateTest : public test::FramesTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  /// The reader's end takes next to nothing before it reads.
  void SetUp() override { start(2048, kBudget); }
  RequestFeeder connect(ConnectionHandle handle) {
    EXPECT_EQ(open(*sink_, handle), Reason::kNone);
    return {*sink_, handle};
  }
  /// Other requests, until no more is taken.
  void fill() {
    for (ConnectionHandle handle = 100;; ++handle) {
      if (open(*sink_, handle) != Reason::kNone) return;
      RequestFeeder other(*sink_, handle);
      other.feed(put(500));
      if (other.judged != Reason::kNone || other.refused != Reason::kNone) return;
      sink_->flush(clock_.now());
    }
  }
  std::vector<Reason> fatesOf(ConnectionHandle handle) const {
    std::vector<Reason> fates;
    for (const auto& [connection, fate] : recorder_.requests) {
      if (connection == handle) fates.push_back(fate);
    }
    return fates;
  }
};

TEST_F(FramesFateTest, EarlierRequestsOfAShedConnectionAreDeliveredOnceTheReaderHasThem) {
  connect(0).feed(put(20000));  // So that what follows waits.
  sink_->flush(clock_.now());
  RequestFeeder client = connect(1);
  client.feed(get("/1") + get("/2") + kChunked);
  while (client.refused == Reason::kNone) client.feed(chunk(1000));
  ASSERT_EQ(client.refused, Reason::kOverBudget);
  sink_->flush(clock_.now());
  EXPECT_TRUE(fatesOf(1).empty()) << "the reader has nothing of them";
  readUntil([&] { return log_.closed.count(2) != 0; });
  EXPECT_EQ(log_.closed[2].reason, Reason::kOverBudget);
  EXPECT_TRUE(log_.bytes[2].starts_with(get("/1") + get("/2")));
  EXPECT_EQ(fatesOf(1), std::vector<Reason>(2, Reason::kNone));
}

TEST_F(FramesFateTest, EarlierRequestsOfAConnectionThatIsCutAreDeliveredToo) {
  connect(0).feed(put(20000));
  connect(1).feed(get("/1") + kChunked);
  close(*sink_, 1, Reason::kGap);
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(1), Reason::kGap);
  EXPECT_TRUE(fatesOf(1).empty());
  readUntil([&] { return log_.closed.count(2) != 0; });
  EXPECT_EQ(fatesOf(1), std::vector<Reason>(1, Reason::kNone));
}

TEST_F(FramesFateTest, AReaderThatLeavesTakesThemAlong) {
  connect(0).feed(put(20000));
  RequestFeeder client = connect(1);
  client.feed(get("/1") + kChunked);
  while (client.refused == Reason::kNone) client.feed(chunk(1000));
  stream_.reader.reset();
  runUntil([&] { return !recorder_.gone.empty(); });
  EXPECT_EQ(fatesOf(1), std::vector<Reason>(1, Reason::kSinkClosed));
}

TEST_F(FramesFateTest, WhatWasJudgedToFitFitsWhateverComesBesideIt) {
  const std::string request = put(24000);
  RequestFeeder client = connect(0);
  client.feed(request.substr(0, 500));
  fill();
  for (std::size_t at = 500; at < request.size(); at += 1460) {
    client.feed(request.substr(at, 1460));
    ASSERT_EQ(client.refused, Reason::kNone) << at;
  }
  ASSERT_EQ(client.judged, Reason::kNone);
  readUntil([&] { return log_.bytes[1].size() == request.size(); });
  EXPECT_EQ(log_.bytes[1], request);
  EXPECT_EQ(fatesOf(0), std::vector<Reason>(1, Reason::kNone));
}

TEST_F(FramesFateTest, ThoseWhoAnnounceMuchAndSendNothingLeaveRoomForOthers) {
  std::vector<RequestFeeder> idle;
  for (ConnectionHandle handle = 0; handle < 10; ++handle) {
    idle.push_back(connect(handle));
    idle.back().feed(put(15000).substr(0, 100));
  }
  // Half of the budget is kept for two of them, the other half is everybody's.
  RequestFeeder client = connect(10);
  client.feed(get("/1") + put(15000));
  EXPECT_EQ(client.judged, Reason::kNone);
  EXPECT_EQ(client.refused, Reason::kNone);
  sink_->flush(clock_.now());
  readUntil([&] { return fatesOf(10).size() == 2; });
  EXPECT_EQ(fatesOf(10), std::vector<Reason>(2, Reason::kNone));
}

/// Random requests of random lengths, for all of which together room can be kept, in random pieces,
/// and a reader that reads now and then.
TEST_P(FramesFateTest, ARequestOfKnownLengthIsWholeOrLeftOut) {
  std::mt19937 random(GetParam());
  struct Client {
    RequestFeeder feeder;
    std::string rest;
  };
  std::vector<Client> clients;
  for (ConnectionHandle handle = 0; handle < 8; ++handle) clients.push_back({connect(handle), ""});
  std::uint64_t taken = 0;
  for (int step = 0; step < 3000; ++step) {
    Client& client = clients[random() % clients.size()];
    if (client.rest.empty()) client.rest = random() % 2 == 0 ? get("/") : put(random() % 3500);
    const std::size_t size = std::min<std::size_t>(400 + random() % 1500, client.rest.size());
    client.feeder.feed(client.rest.substr(0, size));
    client.rest.erase(0, size);
    ASSERT_EQ(client.feeder.refused, Reason::kNone) << step;
    if (client.rest.empty() && client.feeder.judged == Reason::kNone) ++taken;
    if (random() % 3 == 0) {
      test::Received part;
      test::readSome(stream_.reader.get(), part, 2000);
      log_.feed(part.bytes);
    }
    if (random() % 3 == 0) sink_->flush(clock_.now());
    drainEvents();
  }
  readUntil([&] { return recorder_.requests.size() == taken; });
  for (const auto& [handle, fate] : recorder_.requests) EXPECT_EQ(fate, Reason::kNone);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FramesFateTest, ::testing::Range(1U, 21U));

class PushFateTest : public test::PushTest {
 protected:
  PushFateTest() {
    PushOptions options;
    options.budget = kBudget;
    options.sendBuffer = 4096;
    start(server_.text(), options);
  }
  test::LocalPort server_{SOCK_STREAM, true, 4096};
};

TEST_F(PushFateTest, WhatWasJudgedToFitFitsWhateverComesBesideIt) {
  const test::Fd peer = openConnected(server_, 0);
  const test::Fd otherPeer = openConnected(server_, 1);
  const std::string request = put(24000);
  RequestFeeder client(*sink_, 0);
  client.feed(request.substr(0, 500));
  RequestFeeder other(*sink_, 1);
  while (other.judged == Reason::kNone && other.refused == Reason::kNone) other.feed(put(500));
  for (std::size_t at = 500; at < request.size(); at += 1460) {
    client.feed(request.substr(at, 1460));
    ASSERT_EQ(client.refused, Reason::kNone) << at;
  }
  test::Received received;
  readUntil(peer, received, request.size());
  EXPECT_EQ(received.bytes, request);
}

TEST_F(PushFateTest, RequestsThatAResetLeftUnwrittenAreToldWithTheConnection) {
  const test::Fd peer = openConnected(server_, 0);
  RequestFeeder client(*sink_, 0);
  client.feed(get("/1"));
  sink_->flush(clock_.now());
  ASSERT_EQ(recorder_.requests.size(), 1U) << "the socket has it";
  for (int i = 0; i < 4; ++i) client.feed(put(12000));
  ASSERT_EQ(client.refused, Reason::kNone);
  close(*sink_, 0, Reason::kGap);
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kGap);
  ASSERT_EQ(recorder_.requests.size(), 5U);
  EXPECT_EQ(recorder_.requests.front().second, Reason::kNone);
  EXPECT_EQ(recorder_.requests.back().second, Reason::kGap);
}

}  // namespace
}  // namespace dormouse::sink
