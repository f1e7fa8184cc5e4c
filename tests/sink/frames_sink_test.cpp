#include "sink/frames_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sink/frames_fixture.h"

namespace dormouse::sink {
namespace {

using ::testing::ElementsAre;

class FramesSinkTest : public test::FramesTest {
 protected:
  /// Opens connections and feeds them until one is shed.
  mirror::ConnectionHandle fill() {
    for (mirror::ConnectionHandle handle = 0;; ++handle) {
      if (open(*sink_, handle) != Reason::kNone) return handle;
      if (data(*sink_, handle, std::string(1000, 'x')) != Reason::kNone) return handle;
      sink_->flush(clock_.now());
      taken_ = handle + 1;
    }
  }

  mirror::ConnectionHandle taken_ = 0;
};

TEST_F(FramesSinkTest, WritesABatchAsRecordsInOrder) {
  start();
  ASSERT_EQ(open(*sink_, 3), Reason::kNone);
  ASSERT_EQ(data(*sink_, 3, "GET / "), Reason::kNone);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "POST"), Reason::kNone);
  ASSERT_EQ(data(*sink_, 3, "HTTP/1.1"), Reason::kNone);
  close(*sink_, 3);
  close(*sink_, 0, Reason::kGap);
  EXPECT_TRUE(recorder_.fates.empty());
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(3), Reason::kNone);
  EXPECT_EQ(recorder_.fate(0), Reason::kGap);
  readAll();
  EXPECT_THAT(log_.events, ElementsAre("open 1", "open 2", "close 1 none", "close 2 gap"));
  EXPECT_EQ(log_.bytes[1], "GET / HTTP/1.1");
  EXPECT_EQ(log_.bytes[2], "POST");
  EXPECT_EQ(log_.opened[1].client.toString(), "10.0.0.9:4");
}

TEST_F(FramesSinkTest, ABatchLargerThanTheBudgetPassesIfTheReaderKeepsUp) {
  start(0, 512 << 10);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  const std::string part(64 << 10, 'x');
  test::Received received;
  for (int i = 0; i < 32; ++i) {
    ASSERT_EQ(data(*sink_, 0, part), Reason::kNone) << i;
    test::readSome(stream_.reader.get(), received, 1 << 20);
  }
  EXPECT_GT(received.bytes.size(), 31 * part.size() - (512 << 10));
}

TEST_F(FramesSinkTest, NumbersConnectionsAnewWhenAHandleReturns) {
  start();
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(open(*sink_, 0), Reason::kNone);
    close(*sink_, 0);
    sink_->flush(clock_.now());
    ASSERT_EQ(recorder_.fates.erase(0), 1U);
  }
  readAll();
  EXPECT_THAT(log_.events, ElementsAre("open 1", "close 1 none", "open 2", "close 2 none"));
}

TEST_F(FramesSinkTest, IsNotDeliveredBeforeItsCloseRecordIsWritten) {
  start(2048);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, std::string(500'000, 'x')), Reason::kNone);
  close(*sink_, 0);
  sink_->flush(clock_.now());
  drainEvents();
  EXPECT_FALSE(recorder_.fate(0)) << "the kernel cannot have taken half a megabyte";
  readUntil([&] { return log_.closed.count(1) != 0; });
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
  EXPECT_EQ(log_.bytes[1].size(), 500'000U);
}

TEST_F(FramesSinkTest, ShedsWholeConnectionsAndSaysSo) {
  start(2048, 64 << 10);
  const mirror::ConnectionHandle shed = fill();
  ASSERT_GT(shed, 1U);
  // The reader was stalled: all others fit, and all of them end well once it reads.
  readUntil([&] { return log_.bytes[taken_].size() == 1000; });
  for (mirror::ConnectionHandle handle = 0; handle < taken_; ++handle) {
    close(*sink_, handle);
    sink_->flush(clock_.now());
  }
  readUntil([&] { return log_.closed.count(taken_) != 0; });
  for (mirror::ConnectionHandle handle = 0; handle < taken_; ++handle) {
    EXPECT_EQ(recorder_.fate(handle), Reason::kNone);
    EXPECT_EQ(log_.bytes[handle + 1], std::string(1000, 'x'));
  }
  EXPECT_FALSE(recorder_.fate(shed)) << "refused by the call itself, so not told again";
}

TEST_F(FramesSinkTest, TheCloseRecordOfAShedConnectionWaitsForRoom) {
  start(2048, 16 << 10);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  Reason reason = Reason::kNone;
  while (reason == Reason::kNone) {
    reason = data(*sink_, 0, std::string(10, 'x'));
    sink_->flush(clock_.now());
  }
  EXPECT_EQ(reason, Reason::kOverBudget);
  EXPECT_EQ(open(*sink_, 1), Reason::kOverBudget) << "a close record is owed";
  readUntil([&] { return log_.closed.count(1) != 0; });
  EXPECT_THAT(log_.events, ElementsAre("open 1", "close 1 over-budget"));
  EXPECT_EQ(open(*sink_, 1), Reason::kNone);
}

TEST_F(FramesSinkTest, AConnectionRefusedWhileFullLeavesNoRecord) {
  start(2048, 16 << 10);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  mirror::ConnectionHandle next = 1;
  while (open(*sink_, next) == Reason::kNone) {
    sink_->flush(clock_.now());
    ++next;
  }
  EXPECT_EQ(open(*sink_, next), Reason::kOverBudget);
  readUntil([&] { return log_.opened.count(next) != 0; });
  ASSERT_EQ(open(*sink_, next), Reason::kNone);
  readUntil([&] { return log_.opened.count(next + 1) != 0; });
  EXPECT_EQ(log_.opened.size(), next + 1) << "none for the refused one";
}

TEST_F(FramesSinkTest, SendsAHeartbeatAfterFiveSecondsOfSilence) {
  start();
  const TimePoint begin = clock_.now();
  EXPECT_EQ(sink_->flush(begin), begin + std::chrono::seconds(5));
  clock_.advance(std::chrono::milliseconds(4999));
  EXPECT_EQ(sink_->flush(clock_.now()), begin + std::chrono::seconds(5));
  readAll();
  EXPECT_EQ(log_.heartbeats, 0);
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(sink_->flush(clock_.now()), clock_.now() + std::chrono::seconds(5));
  readAll();
  EXPECT_EQ(log_.heartbeats, 1);
  // Traffic puts it off.
  clock_.advance(std::chrono::seconds(3));
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  sink_->flush(clock_.now());
  clock_.advance(std::chrono::seconds(3));
  sink_->flush(clock_.now());
  readAll();
  EXPECT_EQ(log_.heartbeats, 1);
}

TEST_F(FramesSinkTest, AReaderThatLeavesIsNoticedWithoutTraffic) {
  start();
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  sink_->flush(clock_.now());
  stream_.reader.close();
  runUntil([&] { return !recorder_.gone.empty(); });
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed);
  EXPECT_EQ(recorder_.fate(1), Reason::kSinkClosed);
  EXPECT_EQ(open(*sink_, 2), Reason::kSinkClosed);
  sink_->finish([] { return std::string("{}"); });
  EXPECT_TRUE(sink_->done());
  EXPECT_EQ(recorder_.gone.size(), 1U);
}

TEST_F(FramesSinkTest, AReaderThatResetsIsNoticedByTheWrite) {
  start();
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  sink_->flush(clock_.now());
  stream_.reader.reset();
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.gone.size(), 1U);
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed);
}

TEST_F(FramesSinkTest, AStalledReaderThatLeavesIsNoticed) {
  start(2048, 64 << 10);
  fill();
  close(*sink_, 0);
  drainEvents();
  stream_.reader.close();
  runUntil([&] { return !recorder_.gone.empty(); });
  EXPECT_EQ(recorder_.fates.size(), taken_);
  for (const auto& [handle, fate] : recorder_.fates) EXPECT_EQ(fate, Reason::kSinkClosed);
}

TEST_F(FramesSinkTest, EndsWithTheLedgerAndAnOrderlyEnd) {
  start(2048);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, std::string(300'000, 'x')), Reason::kNone);
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  close(*sink_, 0);
  sink_->flush(clock_.now());
  sink_->finish([&] {
    EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed) << "not written yet, and time is over";
    EXPECT_EQ(recorder_.fate(1), Reason::kMirrorEnded);
    return std::string(R"({"verdict":"all"})");
  });
  EXPECT_FALSE(sink_->done());
  test::Received rest;
  runUntil([&] {
    test::readSome(stream_.reader.get(), rest, 4096);
    sink_->flush(clock_.now());
    return rest.ended;
  });
  EXPECT_TRUE(sink_->done());
  log_.feed(rest.bytes);
  EXPECT_THAT(log_.events, ElementsAre("open 1", "open 2", "close 1 none", "close 2 mirror-ended",
                                       R"(ledger {"verdict":"all"})"));
  EXPECT_TRUE(log_.atBoundary());
}

TEST_F(FramesSinkTest, KeepsAnEmptyDatagram) {
  start();
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, ""), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "abc"), Reason::kNone);
  sink_->flush(clock_.now());
  readAll();
  EXPECT_THAT(log_.parts[1], ElementsAre("", "abc"));
}

}  // namespace
}  // namespace dormouse::sink
