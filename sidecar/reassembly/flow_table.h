// All flows of all mirrors: TCP reassembled, UDP grouped. Bytes in, events out; no I/O, no clock of
// its own, no allocation per in-order segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "capture/packet.h"
#include "common/clock.h"
#include "common/reason.h"
#include "reassembly/flow.h"
#include "reassembly/flow_listener.h"

namespace dormouse::reassembly {

/// Fixed at start. All mirrors share the totals.
struct Limits {
  std::size_t maxFlows = 65536;  // At most 256 bytes each, held bytes apart.
  std::size_t heldPerFlow =
      6 << 20;                       // Out-of-order bytes of one connection: a full receive window.
  std::size_t heldTotal = 16 << 20;  // Of all connections.
  Nanos gapTimeout = std::chrono::seconds(2);     // A sender's retransmission may still come.
  Nanos idleTimeout = std::chrono::hours(2);      // TCP: as long as Linux's keep-alive waits.
  Nanos udpIdle = std::chrono::seconds(60);       // UDP has no end but silence.
  Nanos closedLinger = std::chrono::seconds(10);  // A closed flow absorbs its own retransmissions.
};

/// The table. Owned by the data loop, used by its thread alone.
class FlowTable {
 public:
  explicit FlowTable(const Limits& limits);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// REQUIRES: slot is free, listener outlives removeMirror(slot).
  void addMirror(MirrorSlot slot, FlowListener& listener);
  /// Ends every flow of that mirror with kMirrorEnded (flows without payload included: kMirrorEnded
  /// too) and forgets its tombstones.
  void removeMirror(MirrorSlot slot);

  /// Takes one packet of a mirror. `toServer` tells the direction: true for a packet to a mirrored
  /// port, false for one that the pod itself sent (only its RSTs matter). Returns kNone if the
  /// packet shares the fate of its flow (it is counted in FlowView::packets), else the reason for
  /// which this packet alone is skipped: kDuplicate, or the reason of the tombstone that it met. A
  /// packet of no known flow without SYN and without payload is skipped as kJoinedLate and brings
  /// no flow.
  Reason add(MirrorSlot slot, const capture::Packet& packet, bool toServer, TimePoint now);

  /// Makes a flow a tombstone with that reason: no event follows, later packets are skipped for
  /// it. Returns the packets that shared the flow's fate up to here; 0 if the id is no longer
  /// known. Not from a callback.
  std::uint32_t abandon(FlowId id, Reason reason);

  /// Ends what has waited too long. Returns when to call again at the latest, TimePoint::max() if
  /// nothing waits.
  TimePoint expire(TimePoint now);

  std::size_t flows() const;      // In the table, tombstones included.
  std::size_t heldBytes() const;  // Out of order, all flows together.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dormouse::reassembly
