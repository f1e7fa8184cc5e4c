// What the table knows of one flow. Records live in a FlowSlab and never move, so that the lists
// they hang in can be intrusive.
#pragma once

#include <cstdint>
#include <memory>

#include "common/clock.h"
#include "common/reason.h"
#include "reassembly/flow.h"
#include "reassembly/held_segments.h"

namespace dormouse::reassembly {

/// Where a flow stands. Each state but kFree has a queue of its own in the FlowStore.
enum class FlowState : std::uint8_t {
  kFree,          // In no use.
  kClosed,        // Ended by FIN or RST: stays for a while to absorb retransmissions.
  kTombstone,     // TCP, refused, abandoned or ended by a gap: its packets are skipped.
  kUdpTombstone,  // UDP, refused or abandoned.
  kEmpty,         // TCP, admitted, no payload delivered yet.
  kOpen,          // TCP, payload delivered.
  kUdpOpen,       // UDP, admitted.
};
inline constexpr std::size_t kFlowStates = static_cast<std::size_t>(FlowState::kUdpOpen) + 1;

struct FlowRecord;

/// A record's place in one FlowList.
struct FlowLink {
  FlowRecord* previous = nullptr;
  FlowRecord* next = nullptr;
};

struct FlowRecord {
  FlowKey key;
  std::uint32_t generation = 0;  // Never the same for two flows at one index.

  FlowRecord* chain = nullptr;  // The next record in the index's bucket, or in the free list.
  std::uint32_t hash = 0;
  std::uint32_t index = 0;  // Its own place in the slab.

  FlowLink queue;  // Among the flows of its state, oldest activity first.
  FlowLink hole;   // Among the flows with a hole, oldest hole first.
  FlowLink size;   // Among the flows that hold about as many bytes.

  TimePoint touched;    // Its last sign of life, or when it entered its present state.
  TimePoint holeSince;  // Valid while it holds segments.
  WallTime timestamp;   // Of its last packet.

  std::uint64_t bytes = 0;  // Delivered.
  std::uint32_t packets = 0;
  std::uint32_t initial = 0;         // The SYN's number; for a late flow the one before its first.
  std::uint32_t next = 0;            // The next number expected.
  std::uint32_t acknowledgment = 0;  // The highest that the client has sent.
  std::unique_ptr<HeldSegments> held;  // Null unless something is held.

  FlowState state = FlowState::kFree;
  Reason reason = Reason::kNone;  // What its packets are skipped for once it has ended.
  bool fromStart = true;
  bool acknowledged = false;  // `acknowledgment` is known.

  /// Whether its listener has nothing more to hear of it.
  bool ended() const {
    return state == FlowState::kClosed || state == FlowState::kTombstone ||
           state == FlowState::kUdpTombstone;
  }
  bool isUdp() const { return key.transport == capture::Transport::kUdp; }
};

}  // namespace dormouse::reassembly
