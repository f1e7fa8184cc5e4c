// What a TCP segment does to its flow (RFC 9293, 3.10.7; RFC 5961 for SYN and RST).
#pragma once

#include <cstdint>

#include "capture/packet.h"
#include "common/reason.h"
#include "reassembly/table_core.h"

namespace dormouse::reassembly {

/// Stateless beside the core. The answers are those of FlowTable::add.
class TcpIntake {
 public:
  explicit TcpIntake(TableCore& core) : core_(core) {}

  /// A segment from the client.
  Reason fromClient(MirrorSlot slot, const capture::Packet& packet);
  /// A segment that the pod itself sent.
  Reason fromServer(MirrorSlot slot, const capture::Packet& packet);

 private:
  /// The flow that the segment belongs to, made anew if it begins one; null if it belongs to none.
  FlowRecord* flowFor(const FlowKey& key, const capture::Packet& packet);
  FlowRecord& begin(const FlowKey& key, const capture::Packet& packet, bool joinedLate);
  /// The client opened another connection from the same port.
  void supersede(FlowRecord& flow, WallTime timestamp);
  Reason meetEnded(FlowRecord& flow, const capture::Packet& packet);
  Reason reset(FlowRecord& flow, const capture::Packet& packet);
  Reason segment(FlowRecord& flow, const capture::Packet& packet);
  Reason hold(FlowRecord& flow, std::uint32_t start, const capture::Packet& packet);
  /// Delivers what is next in order, then whatever it makes deliverable.
  void accept(FlowRecord& flow, std::span<const std::uint8_t> bytes, bool fin, bool answered);

  TableCore& core_;
};

}  // namespace dormouse::reassembly
