#include "agent/running_mirror.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/agent/fake_capture.h"

namespace dormouse::agent {
namespace {

using dormouse::testing::FakeCapture;
using dormouse::testing::Wire;
using std::chrono::milliseconds;

/// Counts packets; has nothing to wait for.
class CountingMirror final : public mirror::Mirror {
 public:
  explicit CountingMirror(int& packets) : packets_(packets) {}
  void onPacket(const capture::RawPacket&) override { ++packets_; }
  void beginBatch(TimePoint) override {}
  TimePoint flush(TimePoint) override { return TimePoint::max(); }
  void endCapture() override {}
  bool settled() const override { return true; }
  void finish() override {}
  bool done() const override { return true; }
  const std::string& lostPurpose() const override { return lostPurpose_; }
  mirror::MirrorReport report() const override { return {}; }
  void noteKernelDrops(std::uint64_t) override {}
  void noteEnd(const std::string&) override {}

 private:
  int& packets_;
  const std::string lostPurpose_;
};

class RunningMirrorTest : public ::testing::Test {
 protected:
  static constexpr Nanos kBatch = milliseconds(5);
  static constexpr Nanos kRest = milliseconds(15);

  /// What the data loop does when it is woken after that time. Returns how long it would then
  /// sleep.
  Nanos turn(Nanos after) {
    clock_.advance(after);
    loop_.poll(clock_.now(), clock_);
    mirror_.endRest(clock_.now());
    return mirror_.serve(clock_.now()) - clock_.now();
  }
  /// Steady and modest traffic, up to the last turn before a rest.
  void calm() {
    for (int i = 0; i < CapturePace::kCalmTurns; ++i) {
      send();
      EXPECT_GT(turn(kBatch), kRest);
    }
  }
  void send() { wire_->send(std::vector<std::uint8_t>(60)); }

  ManualClock clock_;
  EventLoop loop_;
  std::shared_ptr<Wire> wire_ = std::make_shared<Wire>();
  int packets_ = 0;
  RunningMirror mirror_{"m",
                        std::make_unique<FakeCapture>(wire_),
                        std::make_unique<CountingMirror>(packets_),
                        0,
                        clock_.now() + std::chrono::hours(1),
                        kBatch,
                        {kRest, 1 << 20},
                        loop_,
                        clock_};
};

TEST_F(RunningMirrorTest, LeavesTheCaptureAloneUnderSteadyTrafficUntilItHasRested) {
  calm();
  const int before = packets_;
  EXPECT_EQ(before, CapturePace::kCalmTurns);
  send();
  EXPECT_EQ(turn(kBatch), kRest);
  EXPECT_EQ(packets_, before + 1);

  send();
  EXPECT_EQ(turn(kRest - milliseconds(1)), milliseconds(1));
  EXPECT_EQ(packets_, before + 1);
  EXPECT_EQ(turn(milliseconds(1)), kRest);
  EXPECT_EQ(packets_, before + 2);

  EXPECT_GT(turn(kRest), kRest);  // Nothing came: from here on the first packet is awaited.
  send();
  turn(milliseconds(1));
  EXPECT_EQ(packets_, before + 3);
}

TEST_F(RunningMirrorTest, TakesWhatLiesInTheRingIfItEndsWhileTheCaptureRests) {
  calm();
  send();
  turn(kBatch);  // From here on it rests.
  const int before = packets_;
  send();
  mirror_.end("asked", clock_.now());
  turn(milliseconds(1));
  EXPECT_EQ(packets_, before + 1);
  send();
  turn(2 * kBatch);
  EXPECT_EQ(packets_, before + 2);
  EXPECT_EQ(mirror_.phase(), Phase::kOver);
}

}  // namespace
}  // namespace dormouse::agent
