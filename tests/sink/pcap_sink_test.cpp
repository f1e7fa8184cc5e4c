#include "sink/pcap_sink.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/sink/sockets.h"
#include "wire/pcap_file.h"

namespace dormouse::sink {
namespace {

class PcapSinkTest : public test::SinkTest {
 protected:
  void start(int kernelBuffer = 0, std::size_t budget = 4 << 20) {
    stream_ = test::makeStream(kernelBuffer);
    sink_ = std::make_unique<PcapSink>(loop_, std::move(stream_.writer), recorder_,
                                       capture::LinkType::kLinuxSll2, 262144,
                                       StreamOptions{budget, std::chrono::seconds(5)});
  }
  Reason packet(const std::string& text, std::uint32_t wireLength = 0) {
    const capture::RawPacket raw{
        WallTime(std::chrono::seconds(7) + Nanos(123'456'789)), test::bytesOf(text),
        wireLength != 0 ? wireLength : static_cast<std::uint32_t>(text.size())};
    return guarded([&] { return sink_->packet(raw); });
  }
  test::Received readToEnd() {
    test::Received all;
    runUntil([&] {
      test::readSome(stream_.reader.get(), all, 4096);
      sink_->flush(clock_.now());
      return all.ended;
    });
    return all;
  }
  static std::uint32_t word(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }

  test::Stream stream_;
  std::unique_ptr<PcapSink> sink_;
};

TEST_F(PcapSinkTest, WritesAFileHeaderAndNanosecondRecords) {
  start();
  ASSERT_EQ(packet("abcdef", 1500), Reason::kNone);
  EXPECT_TRUE(recorder_.packets.empty());
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.packets[Reason::kNone], 1U);
  sink_->finish();
  const test::Received all = readToEnd();
  ASSERT_EQ(all.bytes.size(), 24U + 16U + 6U);
  EXPECT_EQ(word(all.bytes, 0), 0xa1b23c4dU);
  EXPECT_EQ(word(all.bytes, 16), 262144U);
  EXPECT_EQ(word(all.bytes, 20), 276U);
  EXPECT_EQ(word(all.bytes, 24), 7U);
  EXPECT_EQ(word(all.bytes, 28), 123'456'789U);
  EXPECT_EQ(word(all.bytes, 32), 6U);
  EXPECT_EQ(word(all.bytes, 36), 1500U);
  EXPECT_EQ(all.bytes.substr(40), "abcdef");
  EXPECT_TRUE(sink_->done());
}

TEST_F(PcapSinkTest, LeavesOutWholeFramesWhenTheReaderIsSlow) {
  start(2048, 64 << 10);
  std::uint64_t taken = 0;
  while (packet(std::string(700, 'p')) == Reason::kNone) {
    ++taken;
    sink_->flush(clock_.now());
  }
  EXPECT_EQ(packet(std::string(700, 'p')), Reason::kOverBudget);
  EXPECT_LT(recorder_.packets[Reason::kNone], taken);
  runUntil([&] {
    test::Received part;
    test::readSome(stream_.reader.get(), part, 4096);
    sink_->flush(clock_.now());
    return recorder_.packets[Reason::kNone] == taken;
  });
  EXPECT_EQ(packet("again"), Reason::kNone);
}

TEST_F(PcapSinkTest, ToldWhatWasNotWrittenWhenTheReaderLeaves) {
  start(2048);
  ASSERT_EQ(packet("first"), Reason::kNone);
  sink_->flush(clock_.now());
  ASSERT_EQ(packet(std::string(200'000, 'x')), Reason::kNone);
  ASSERT_EQ(packet(std::string(200'000, 'x')), Reason::kNone);
  sink_->flush(clock_.now());
  ASSERT_EQ(packet("last"), Reason::kNone);
  stream_.reader.close();
  runUntil([&] { return !recorder_.gone.empty(); });
  EXPECT_EQ(recorder_.packets[Reason::kNone], 1U);
  EXPECT_EQ(recorder_.packets[Reason::kSinkClosed], 3U);
  sink_->finish();
  EXPECT_TRUE(sink_->done());
  EXPECT_EQ(recorder_.packets[Reason::kSinkClosed], 3U);
}

TEST_F(PcapSinkTest, FinishSettlesWhatTheReaderHasNotTakenInTime) {
  start(2048);
  ASSERT_EQ(packet(std::string(200'000, 'x')), Reason::kNone);
  sink_->finish();
  EXPECT_EQ(recorder_.packets[Reason::kSinkClosed], 1U);
  EXPECT_EQ(packet("late"), Reason::kSinkClosed);
  EXPECT_EQ(readToEnd().bytes.size(), 24U + 16U + 200'000U);
}

}  // namespace
}  // namespace dormouse::sink
