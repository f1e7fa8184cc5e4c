// What a push connection sends and reads together.
#include <gtest/gtest.h>

#include "sink/push_sink.h"
#include "tests/sink/push_fixture.h"

namespace dormouse::sink {
namespace {

using test::Fd;
using test::LocalPort;
using test::Received;

class PushBatchTest : public test::PushTest {};

TEST_F(PushBatchTest, AServerThatWentAwayIsNoticedAtTheBatchsEnd) {
  LocalPort server;
  start(server.text());
  openConnected(server, 0).reset();
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed);
}

TEST_F(PushBatchTest, ABatchsSmallPiecesAreSentTogetherAtItsEnd) {
  LocalPort server;
  start(server.text());
  const Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "first "), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "second"), Reason::kNone);
  Received all;
  test::readSome(peer.get(), all);
  EXPECT_EQ(all.bytes, "");
  sink_->flush(clock_.now());
  test::readSome(peer.get(), all);
  EXPECT_EQ(all.bytes, "first second") << "loopback brings at once what was sent";
}

TEST_F(PushBatchTest, MuchIsNotGatheredAndComesInOrder) {
  LocalPort server;
  start(server.text());
  const Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "small"), Reason::kNone);
  const std::string much(20 << 10, 'm');
  ASSERT_EQ(data(*sink_, 0, much), Reason::kNone);
  Received all;
  test::readSome(peer.get(), all);
  EXPECT_TRUE(all.bytes == "small" + much);
}

TEST_F(PushBatchTest, WhatIsGatheredLeavesMostOfTheBudgetToOthers) {
  LocalPort server;
  PushOptions options;
  options.budget = 16 << 10;
  start(server.text(), options);
  const Fd peer = openConnected(server, 0);
  std::size_t before = 0;
  for (Received all; all.bytes.empty(); before += 1000) {
    ASSERT_LT(before, 8000U);
    ASSERT_EQ(data(*sink_, 0, std::string(1000, 'x')), Reason::kNone);
    test::readSome(peer.get(), all);
  }
  EXPECT_GT(before, 2000U);
}

TEST_F(PushBatchTest, RequestsThatWereWholeBeforeACutAreDelivered) {
  LocalPort server;
  start(server.text());
  const Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "GET / HTTP/1.1\r\n\r\n"), Reason::kNone);
  sink_->endRequest({0, 1}, {});
  close(*sink_, 0, Reason::kGap);
  sink_->flush(clock_.now());
  ASSERT_EQ(recorder_.requests.size(), 1U);
  EXPECT_EQ(recorder_.requests[0], (std::pair{mirror::ConnectionHandle{0}, Reason::kNone}));
}

TEST_F(PushBatchTest, SmallAnswersDoNotWakeTheLoop) {
  LocalPort server;
  start(server.text());
  const Fd peer = openConnected(server, 0);
  const int on = 1;  // Else the kernel would put off what follows an unacknowledged small segment.
  setsockopt(peer.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const SystemClock real;
  const std::string answer(100, 'a');
  int calls = 0;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL), 100);
    calls += loop_.poll(real.now(), real);
  }
  EXPECT_GE(calls, 3) << "they must not fill the socket";
  EXPECT_LE(calls, 5);
}

}  // namespace
}  // namespace dormouse::sink
