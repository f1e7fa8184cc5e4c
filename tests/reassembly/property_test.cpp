// Whatever a network may do to a byte stream without losing any of it, the stream comes out; and
// whatever anybody sends, the table's books balance. Seeds are fixed and printed on failure.
#include <gtest/gtest.h>

#include "harness.h"
#include "mangle.h"

namespace dormouse::reassembly {
namespace {

using std::chrono::milliseconds;
using testing::endpoint;
using testing::Segment;
using testing::TcpClient;
TEST(Property, AnySegmentationOfAStreamYieldsTheStream) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Harness harness;
    TcpClient client;
    client.isn = 0xffffffff - below(random, 700);  // Wraps at some place or other.
    const std::string stream = randomBytes(random, below(random, 1200));
    for (const Segment& segment : mangled(random, client, stream, below(random, 30), true)) {
      harness.add(segment);
      harness.pass(milliseconds(1));
    }
    ASSERT_EQ(harness.stories(), 1U);
    ASSERT_EQ(harness.last().bytes, stream);
    ASSERT_EQ(harness.last().fate, stream.empty() ? Reason::kEmpty : Reason::kNone);
    ASSERT_EQ(harness.table.heldBytes(), 0U);
    harness.finish();
  }
}

TEST(Property, ManyFlowsInterleavedDoNotMix) {
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Harness harness;
    struct Sender {
      std::string stream;
      std::vector<Segment> segments;
      std::size_t sent = 0;
    };
    std::vector<Sender> senders(200);
    for (std::size_t i = 0; i < senders.size(); ++i) {
      TcpClient client;
      client.client.port = static_cast<std::uint16_t>(1000 + i);
      if (i % 2 == 0) client.server = endpoint("2001:db8::7", 8080);
      client.isn = static_cast<std::uint32_t>(random());
      senders[i].stream = randomBytes(random, 1 + below(random, 500));
      senders[i].segments = mangled(random, client, senders[i].stream, 10, true);
    }
    for (std::size_t left = senders.size(); left > 0;) {
      Sender& sender = senders[below(random, senders.size())];
      if (sender.sent == sender.segments.size()) continue;
      harness.add(sender.segments[sender.sent++]);
      if (sender.sent == sender.segments.size()) --left;
    }
    ASSERT_EQ(harness.stories(), senders.size());
    for (const Story& story : harness.listener.stories) {
      ASSERT_EQ(story.bytes, senders[story.key.client.port - 1000U].stream);
      ASSERT_EQ(story.fate, Reason::kNone);
    }
    harness.finish();
  }
}

TEST(Property, GarbageNeverUnbalancesTheBooks) {
  Limits limits;
  limits.maxFlows = 12;
  limits.heldPerFlow = 3000;
  limits.heldTotal = 8000;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Harness harness(limits);
    for (int i = 0; i < 2000; ++i) {
      TcpClient client;
      client.client.port = static_cast<std::uint16_t>(below(random, 20));
      client.isn = 0xffffff00 + below(random, 3);
      client.ack = static_cast<std::uint32_t>(random());
      const auto flags = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 32 : 0x10);
      std::uint32_t offset = below(random, 600);
      if (random() % 50 == 0) offset = static_cast<std::uint32_t>(random());
      Segment segment = client.make(flags, client.at(offset), randomBytes(random, random() % 60));
      if ((flags & capture::kSyn) != 0) segment.sequence = client.isn;
      if (random() % 20 == 0) segment.transport = capture::Transport::kUdp;
      const bool toServer = random() % 20 != 0;
      if (!toServer) std::swap(segment.source, segment.destination);
      harness.listener.refuse = random() % 10 == 0 ? Reason::kFiltered : Reason::kNone;
      harness.listener.refuseData = random() % 40 == 0 ? Reason::kOverBudget : Reason::kNone;
      harness.listener.goOn = random() % 2;  // Behind the next hole.
      harness.add(segment, toServer);
      if (random() % 100 == 0 && harness.stories() > 0 && !harness.last().fate &&
          harness.last().id != FlowId{}) {
        harness.abandon(harness.last(), Reason::kSinkClosed);
      }
      if (random() % 10 == 0) harness.pass(milliseconds(below(random, 3000)));
      if (random() % 1000 == 0) harness.pass(limits.idleTimeout);
      ASSERT_LE(harness.table.heldBytes(), limits.heldTotal);
      ASSERT_LE(harness.table.flows(), limits.maxFlows);
      if (::testing::Test::HasFailure()) return;
    }
    harness.finish();
  }
}

}  // namespace
}  // namespace dormouse::reassembly
