#include "mirror/packet_mirror.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/packets.h"

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
  const ManualClock clock;
  const OwnSockets own(clock);
  PacketMirror mirror(identity, capture::LinkType::kRaw, own,
                      [&sink](PacketSinkListener& listener) {
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

TEST(PacketMirror, ShowsBothDirectionsOfTheSelectedClientsOnly) {
  MirrorIdentity identity;
  identity.spec.ports = {8080};
  identity.spec.format = wire::Format::kPcap;
  identity.spec.sources = {*Network::parse("10.0.0.0/24")};
  const ManualClock clock;
  OwnSockets own(clock);
  PacketMirror mirror(identity, capture::LinkType::kRaw, own, [](PacketSinkListener& listener) {
    return std::make_unique<FakePacketSink>(listener);
  });
  const auto feed = [&mirror](const dormouse::testing::Segment& segment) {
    const std::vector<std::uint8_t> bytes = dormouse::testing::ipBytes(segment);
    mirror.onPacket({{}, bytes, static_cast<std::uint32_t>(bytes.size())});
  };
  dormouse::testing::TcpClient chosen;  // 10.0.0.1
  feed(chosen.data(0, "request"));
  dormouse::testing::Segment answer = chosen.data(0, "answer");
  std::swap(answer.source, answer.destination);
  feed(answer);
  dormouse::testing::TcpClient other;
  other.client = dormouse::testing::endpoint("192.168.1.1", 40000);
  feed(other.data(0, "request"));
  mirror.flush(TimePoint{});
  EXPECT_EQ(mirror.report().ledger.packets.delivered, 2U);
  EXPECT_EQ(mirror.report().ledger.packets.skippedFor(Reason::kFiltered), 1U);
  own.add(chosen.client);
  feed(chosen.data(7, "an echo"));
  EXPECT_EQ(mirror.report().ledger.packets.skippedFor(Reason::kFiltered), 2U);
  EXPECT_TRUE(mirror.report().ledger.balances());
}

}  // namespace
}  // namespace dormouse::mirror
