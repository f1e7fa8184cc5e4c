#include "mirror/packet_mirror.h"

#include <gtest/gtest.h>

#include <array>

namespace dormouse::mirror {
namespace {

class FakePacketSink final : public PacketSink {
 public:
  explicit FakePacketSink(PacketSinkListener& listener) : listener_(listener) {}
  Reason refuse = Reason::kNone;
  std::uint64_t taken = 0;

  Reason packet(const capture::RawPacket&) override {
    if (refuse != Reason::kNone) return refuse;
    ++taken;
    return Reason::kNone;
  }
  TimePoint flush(TimePoint) override {
    listener_.onPacketsSettled(Reason::kNone, std::exchange(taken, 0));
    return TimePoint::max();
  }
  void finish() override {
    listener_.onPacketsSettled(Reason::kSinkClosed, std::exchange(taken, 0));
  }
  bool done() const override { return true; }

 private:
  PacketSinkListener& listener_;
};

TEST(PacketMirror, CountsPacketsAndTheirFates) {
  MirrorIdentity identity;
  identity.spec.ports = {80};
  identity.spec.format = wire::Format::kPcap;
  FakePacketSink* sink = nullptr;
  PacketMirror mirror(identity, [&sink](PacketSinkListener& listener) {
    auto made = std::make_unique<FakePacketSink>(listener);
    sink = made.get();
    return made;
  });
  EXPECT_EQ(mirror.report().verdict, "no traffic on port 80 yet");

  const std::array<std::uint8_t, 4> frame{};
  const capture::RawPacket raw{{}, frame, 4};
  mirror.onPacket(raw);
  mirror.onPacket(raw);
  EXPECT_FALSE(mirror.settled());
  mirror.flush(TimePoint{});
  EXPECT_TRUE(mirror.settled());
  sink->refuse = Reason::kOverBudget;
  mirror.onPacket(raw);
  sink->refuse = Reason::kNone;
  mirror.onPacket(raw);
  mirror.noteKernelDrops(3);
  mirror.noteEnd("deleted");
  mirror.finish();

  const MirrorReport report = mirror.report();
  EXPECT_TRUE(report.ledger.balances());
  EXPECT_EQ(report.ledger.packets.seen, 7U);
  EXPECT_EQ(report.ledger.packets.delivered, 2U);
  EXPECT_EQ(report.ledger.packets.skippedFor(Reason::kOverBudget), 1U);
  EXPECT_EQ(report.ledger.packets.skippedFor(Reason::kSinkClosed), 1U);
  EXPECT_EQ(report.ledger.connections.seen, 0U);
  EXPECT_EQ(
      report.verdict,
      "2 of 7 packets delivered; 3 lost: kernel-drop; 1 lost: over-budget; 1 lost: sink-closed");
}

}  // namespace
}  // namespace dormouse::mirror
