// What makes two packets parts of one flow: UDP by key alone, every part of a key, and a flow's id.
#include <gtest/gtest.h>

#include "harness.h"
#include "reassembly/flow_index.h"

namespace dormouse::reassembly {
namespace {

using std::chrono::seconds;
using testing::endpoint;
using testing::Segment;
using testing::TcpClient;

TEST(Udp, DatagramsAreGroupedAndEndBySilence) {
  Limits limits;
  Harness harness(limits);
  Segment datagram;
  datagram.transport = capture::Transport::kUdp;
  datagram.source = endpoint("2001:db8::1", 5000);
  datagram.destination = endpoint("2001:db8::2", 53);
  for (const char* text : {"one", "", "two"}) {
    datagram.payload = text;
    EXPECT_EQ(harness.add(datagram), Reason::kNone);
    harness.pass(limits.udpIdle - seconds(1));
  }
  EXPECT_EQ(harness.last().pieces, (std::vector<std::string>{"one", "", "two"}));
  EXPECT_FALSE(harness.last().joinedLate);
  EXPECT_EQ(harness.add(datagram, false), Reason::kFiltered);
  harness.pass(seconds(1));
  EXPECT_EQ(harness.last().fate, Reason::kNone);
  EXPECT_EQ(harness.last().packets, 3U);
  harness.add(datagram);
  EXPECT_EQ(harness.stories(), 2U);
  harness.listener.refuseData = Reason::kSinkClosed;
  harness.add(datagram);
  EXPECT_EQ(harness.add(datagram), Reason::kSinkClosed);
  harness.pass(limits.udpIdle);
  EXPECT_EQ(harness.table.flows(), 0U);
  harness.finish();
}

TEST(Keys, EveryPartOfTheKeySeparates) {
  Harness harness;
  Recorder other;
  harness.table.addMirror(5, other);
  TcpClient client;
  const auto both = [&](Segment segment) {
    harness.add(segment);
    return harness.stories();
  };
  EXPECT_EQ(both(client.syn()), 1U);
  Segment segment = client.syn();
  segment.interface = 2;
  EXPECT_EQ(both(segment), 2U);
  client.client.port++;
  EXPECT_EQ(both(client.syn()), 3U);
  client.server.port++;
  EXPECT_EQ(both(client.syn()), 4U);
  client.client = endpoint("2001:db8::1", 40000);
  client.server = endpoint("2001:db8::2", 8080);
  EXPECT_EQ(both(client.syn()), 5U);
  segment = client.syn();
  segment.transport = capture::Transport::kUdp;
  EXPECT_EQ(both(segment), 6U);
  harness.table.add(5, client.syn().packet(), true, harness.clock.now());
  EXPECT_EQ(other.stories.size(), 1U);
  EXPECT_EQ(harness.stories(), 6U);
  EXPECT_EQ(harness.table.flows(), 7U);
  harness.table.removeMirror(5);
  EXPECT_EQ(other.stories.at(0).fate, Reason::kMirrorEnded);
  EXPECT_EQ(harness.table.flows(), 6U);
  harness.finish();
}

TEST(Keys, EqualHashesDoNotMakeEqualFlows) {
  // Among so many keys some share all 32 bits of the hash, whatever the seed: the odds against any
  // pair are one to e^10.
  std::vector<FlowRecord> flows(300000);
  FlowIndex index(flows.size());
  for (std::uint32_t i = 0; i < flows.size(); ++i) {
    flows[i].key.interface = i;
    index.insert(flows[i]);
  }
  for (FlowRecord& flow : flows) ASSERT_EQ(index.find(flow.key), &flow);
  for (FlowRecord& flow : flows) index.remove(flow);
  for (FlowRecord& flow : flows) ASSERT_EQ(index.find(flow.key), nullptr);
}

TEST(Keys, AnIdNeverComesBackToLife) {
  Harness harness;
  const TcpClient client;
  harness.add(client.syn());
  harness.add(client.data(0, "x"));
  const FlowId id = harness.last().id;
  harness.table.removeMirror(0);
  EXPECT_EQ(harness.last().fate, Reason::kMirrorEnded);
  EXPECT_EQ(harness.table.add(0, client.syn().packet(), true, harness.clock.now()),
            Reason::kMirrorEnded);
  harness.table.addMirror(0, harness.listener);
  harness.add(client.syn());
  harness.add(client.data(0, "x"));
  EXPECT_EQ(harness.last().id.index, id.index);
  EXPECT_EQ(harness.table.abandon(id, Reason::kTls), 0U);
  EXPECT_FALSE(harness.last().fate);
  harness.finish();
}

}  // namespace
}  // namespace dormouse::reassembly
