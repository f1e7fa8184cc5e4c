// A flow table under test with a listener that remembers everything and keeps a ledger.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/clock.h"
#include "common/reason.h"
#include "reassembly/flow_table.h"
#include "tests/support/packets.h"

namespace dormouse::reassembly {

inline std::ostream& operator<<(std::ostream& out, const FlowId& id) {
  return out << id.index << '/' << id.generation;
}

/// What became of one admitted flow.
struct Story {
  FlowKey key;
  bool joinedLate = false;
  FlowId id;  // Valid once it has begun or ended.
  std::string bytes;
  std::vector<std::string> pieces;
  std::vector<bool> answered;
  std::vector<bool> overdue;
  std::vector<std::uint32_t> packetsBefore;  // Each hole behind which it went on.
  std::uint32_t packets = 0;                 // As last told.
  std::optional<Reason> fate;                // Of onEnd, or for which it was abandoned.
  bool abandoned = false;
  bool reset = false;
};

/// Remembers all flows. Checks the order of events: appear, data, one end, nothing after it.
class Recorder : public FlowListener {
 public:
  Reason onAppear(const FlowKey& key, bool joinedLate) override {
    EXPECT_EQ(find(key), nullptr) << "appears twice";
    ++appeared;
    if (refuse != Reason::kNone) return refuse;
    Story story;
    story.key = key;
    story.joinedLate = joinedLate;
    open_[nameOf(key)] = stories.size();
    stories.push_back(story);
    return Reason::kNone;
  }

  Reason onData(const FlowView& flow, std::span<const std::uint8_t> bytes) override {
    Story* story = find(flow.key);
    EXPECT_NE(story, nullptr) << "data of a flow that is not open";
    if (story == nullptr) return Reason::kNone;
    EXPECT_EQ(flow.bytes, story->bytes.size());
    EXPECT_EQ(flow.fromStart, !story->joinedLate);
    story->pieces.emplace_back(bytes.begin(), bytes.end());
    story->bytes += story->pieces.back();
    story->answered.push_back(flow.answered);
    story->overdue.push_back(flow.overdue);
    story->packets = flow.packets;
    story->id = flow.id;
    if (refuseData == Reason::kNone) return Reason::kNone;
    settle(*story, refuseData, flow.packets);
    story->abandoned = true;
    return refuseData;
  }

  AfterGap onGap(const FlowView& flow) override {
    Story* story = find(flow.key);
    EXPECT_NE(story, nullptr) << "a hole in a flow that is not open";
    if (story == nullptr || goOn == 0) return AfterGap::kTombstone;
    --goOn;
    story->joinedLate = true;
    story->packetsBefore.push_back(flow.packets);
    settledPackets += flow.packets;
    return AfterGap::kGoOn;
  }

  void onEnd(const FlowView& flow, Reason reason, bool reset) override {
    Story* story = find(flow.key);
    ASSERT_NE(story, nullptr) << "end of a flow that is not open";
    EXPECT_EQ(flow.bytes, story->bytes.size());
    story->id = flow.id;
    story->reset = reset;
    settle(*story, reason, flow.packets);
  }

  /// The open flow of that key, or null.
  Story* find(const FlowKey& key) {
    const auto found = open_.find(nameOf(key));
    return found == open_.end() ? nullptr : &stories[found->second];
  }

  void settle(Story& story, Reason fate, std::uint32_t packets) {
    EXPECT_FALSE(story.fate) << "ends twice";
    story.fate = fate;
    story.packets = packets;
    settledPackets += packets;
    open_.erase(nameOf(story.key));
  }

  std::vector<Story> stories;  // In the order of their appearance.
  std::size_t appeared = 0;    // Refused ones included.
  Reason refuse = Reason::kNone;
  Reason refuseData = Reason::kNone;
  std::size_t goOn = 0;  // Behind how many holes flows may go on still.
  std::uint64_t settledPackets = 0;

 private:
  using Name = std::tuple<Endpoint, Endpoint, std::uint32_t, capture::Transport, MirrorSlot>;

  static Name nameOf(const FlowKey& key) {
    return {key.client, key.server, key.interface, key.transport, key.mirror};
  }

  std::map<Name, std::size_t> open_;  // Into stories.
};

/// A table with one mirror in slot 0.
class Harness {
 public:
  explicit Harness(const Limits& limits = {}) : table(limits) { table.addMirror(0, listener); }

  Reason add(const testing::Segment& segment, bool toServer = true, MirrorSlot slot = 0) {
    const Reason reason = table.add(slot, segment.packet(), toServer, clock.now());
    ++seen;
    ++(reason == Reason::kNone ? shared : skipped);
    return reason;
  }
  /// Advances the clock and lets the table notice.
  TimePoint pass(Nanos time) {
    clock.advance(time);
    return table.expire(clock.now());
  }
  Reason abandon(Story& story, Reason reason) {
    listener.settle(story, reason, table.abandon(story.id, reason));
    return reason;
  }
  /// The last flow that appeared and was admitted.
  Story& last() { return listener.stories.back(); }
  Story& story(std::size_t i) { return listener.stories.at(i); }
  std::size_t stories() const { return listener.stories.size(); }

  /// Ends the mirror; every packet must then have had its one fate and nothing may be left.
  void finish() {
    table.removeMirror(0);
    EXPECT_EQ(table.heldBytes(), 0U);
    EXPECT_EQ(table.flows(), 0U);
    EXPECT_EQ(listener.settledPackets, shared);
    EXPECT_EQ(seen, shared + skipped);
    for (const Story& one : listener.stories) EXPECT_TRUE(one.fate.has_value());
  }

  ManualClock clock;
  Recorder listener;
  FlowTable table;
  std::uint64_t seen = 0;
  std::uint64_t shared = 0;   // Packets that share a flow's fate.
  std::uint64_t skipped = 0;  // Packets skipped alone.
};

}  // namespace dormouse::reassembly
