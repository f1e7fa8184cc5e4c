// What becomes of a push connection after its original has ended.
#include <gtest/gtest.h>

#include "sink/push_sink.h"
#include "tests/sink/push_fixture.h"

namespace dormouse::sink {
namespace {

using std::chrono::seconds;
using test::Fd;
using test::LocalPort;
using test::Received;

class PushLingerTest : public test::PushTest {
 protected:
  /// A connection with `text` written and its original ended.
  Fd lingering(LocalPort& server, const std::string& text, int sendBuffer = 2048) {
    PushOptions options;
    options.sendBuffer = sendBuffer;
    start(server.text(), options);
    Fd peer = openConnected(server, 0);
    EXPECT_EQ(data(*sink_, 0, text), Reason::kNone);
    close(*sink_, 0);
    return peer;
  }
  /// The same with more bytes than a server with a small buffer takes before it reads. Our own
  /// kernel takes them all, and the FIN.
  Fd lingeringUnread(LocalPort& server) {
    return lingering(server, std::string(kUnread, 'x'), 1 << 20);
  }

  static constexpr std::size_t kUnread = 300'000;
};

TEST_F(PushLingerTest, WaitsSixtySecondsForTheOtherSide) {
  LocalPort server;
  Fd peer = lingering(server, "x");
  EXPECT_EQ(sink_->flush(clock_.now()), clock_.now() + seconds(60));
  clock_.advance(seconds(59));
  sink_->flush(clock_.now());
  EXPECT_FALSE(recorder_.fate(0));
  ASSERT_TRUE(readToEnd(peer).ended);
  acknowledge(peer);
  clock_.advance(seconds(1));
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kNone) << "everything was acknowledged";
}

TEST_F(PushLingerTest, AResetAfterEverythingIsAcknowledgedIsStillADelivery) {
  LocalPort server;
  Fd peer = lingering(server, "x");
  ASSERT_TRUE(readToEnd(peer).ended);
  acknowledge(peer);
  peer.reset();
  EXPECT_EQ(awaitFate(0), Reason::kNone);
}

TEST_F(PushLingerTest, AnswersThatWereNotReadYetDoNotMakeTheEndAReset) {
  LocalPort server;
  Fd peer = lingering(server, "x");
  ASSERT_TRUE(readToEnd(peer).ended);
  acknowledge(peer);
  ASSERT_EQ(::send(peer.get(), "answer", 6, MSG_NOSIGNAL), 6);
  drainEvents();
  clock_.advance(seconds(60));
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
  // Reading would not show it: the end that came before is all that it tells.
  int error = 0;
  socklen_t size = sizeof error;
  ASSERT_EQ(getsockopt(peer.get(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, 0) << "it was reset";
}

TEST_F(PushLingerTest, BytesStillQueuedWhenTheServerResetsAreNotDelivered) {
  LocalPort server(SOCK_STREAM, true, 2048);
  Fd peer = lingering(server, std::string(500'000, 'x'));
  drainEvents();
  peer.reset();
  EXPECT_EQ(awaitFate(0), Reason::kSinkClosed);
}

TEST_F(PushLingerTest, BytesInTheKernelThatAreNotAcknowledgedAreNotDelivered) {
  LocalPort server(SOCK_STREAM, true, 2048);
  const Fd peer = lingeringUnread(server);
  clock_.advance(seconds(60));
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed);
  EXPECT_TRUE(readToEnd(peer).reset) << "it must not take what it has for all there is";
}

TEST_F(PushLingerTest, AnEndOfTheOtherSideBeforeOurBytesArrivedIsNoDelivery) {
  LocalPort server(SOCK_STREAM, true, 2048);
  Fd peer = lingeringUnread(server);
  ::shutdown(peer.get(), SHUT_WR);  // Its own side is done; it has not read ours.
  drainEvents();
  EXPECT_FALSE(recorder_.fate(0));
  const SystemClock real;
  EXPECT_EQ(loop_.poll(real.now(), real), 0) << "nothing to do until it reads";
  // Once it has read everything the last acknowledgment ends it.
  const Received all = readToEnd(peer);
  EXPECT_EQ(all.bytes.size(), kUnread);
  EXPECT_TRUE(all.ended);
  EXPECT_EQ(awaitFate(0), Reason::kNone);
}

TEST_F(PushLingerTest, AServerThatEndedEarlyAndThenLeavesUnreadBytesIsNoDelivery) {
  LocalPort server(SOCK_STREAM, true, 2048);
  Fd peer = lingeringUnread(server);
  ::shutdown(peer.get(), SHUT_WR);
  drainEvents();
  peer.close();  // With unread bytes: a reset.
  EXPECT_EQ(awaitFate(0), Reason::kSinkClosed);
}

TEST_F(PushLingerTest, EndsBeforeTheHandshakeAreKeptForAfterIt) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "all"), Reason::kNone);
  close(*sink_, 0);
  const Fd peer = server.accept();
  const Received all = readToEnd(peer);
  EXPECT_EQ(all.bytes, "all");
  EXPECT_TRUE(all.ended);
}

TEST_F(PushLingerTest, FinishSettlesByWhatIsAcknowledged) {
  LocalPort server(SOCK_STREAM, true, 2048);
  PushOptions options;
  options.sendBuffer = 2048;
  start(server.text(), options);
  Fd first = openConnected(server, 0);  // Ends, and is acknowledged.
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  close(*sink_, 0);
  ASSERT_TRUE(readToEnd(first).ended);
  acknowledge(first);
  Fd second = openConnected(server, 1);  // Ended, but its bytes are stuck.
  ASSERT_EQ(data(*sink_, 1, std::string(kUnread, 'x')), Reason::kNone);
  close(*sink_, 1);
  Fd third = openConnected(server, 2);  // Never ended.
  EXPECT_FALSE(sink_->done());
  finish();
  EXPECT_TRUE(sink_->done());
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
  EXPECT_EQ(recorder_.fate(1), Reason::kSinkClosed);
  EXPECT_EQ(recorder_.fate(2), Reason::kMirrorEnded);
  EXPECT_TRUE(readToEnd(second).reset);
  EXPECT_TRUE(readToEnd(third).reset);
  EXPECT_EQ(open(*sink_, 3), Reason::kMirrorEnded);
}

TEST_F(PushLingerTest, ADestroyedSinkLeavesNoCleanEnds) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "half"), Reason::kNone);
  const Fd peer = server.accept();
  sink_.reset();
  EXPECT_TRUE(readToEnd(peer).reset);
}

}  // namespace
}  // namespace dormouse::sink
