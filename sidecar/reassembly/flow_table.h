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
  /// What the table may take for one flow, held bytes apart: its record and its share of the index.
  static constexpr std::size_t kBytesPerFlow = 272;

  std::size_t maxFlows = 65536;  // At most kBytesPerFlow each.
  // Out-of-order bytes of one connection, a full receive window, and of all connections. Each
  // segment counts HeldSegments::kOverhead bytes beside its payload.
  std::size_t heldPerFlow = 6 << 20;
  std::size_t heldTotal = 16 << 20;
  Nanos gapTimeout = std::chrono::seconds(2);     // A sender's retransmission may still come.
  Nanos idleTimeout = std::chrono::hours(2);      // TCP: as long as Linux's keep-alive waits.
  Nanos udpIdle = std::chrono::seconds(60);       // UDP has no end but silence.
  Nanos closedLinger = std::chrono::seconds(10);  // A closed flow absorbs its own retransmissions.
};

/// The table. Owned by the data loop, used by its thread alone. All it allocates goes with its last
/// mirror. Every call is O(1) but for removeMirror, which walks the table, expire, which costs what
/// expires, and a segment out of order, which costs the logarithm of what its flow holds.
///
/// If a segment finds no room beside what is held already, a flow's holes are waited for no longer
/// (FlowListener::onGap): its own if that is at heldPerFlow or if nobody holds clearly more, else
/// those of the one that holds most. So one greedy connection costs the others nothing.
///
/// A full table makes room for a new flow in this order: closed flows, tombstones, flows without
/// payload (kEvicted), then the flow that has been silent longest (kEvicted). A flow that never
/// brings payload stays until then or until idleTimeout (kIdle).
class FlowTable {
 public:
  explicit FlowTable(const Limits& limits);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  /// REQUIRES: slot is below kMaxSlots and free, listener outlives removeMirror(slot).
  void addMirror(MirrorSlot slot, FlowListener& listener);
  /// Ends every flow of that mirror with kMirrorEnded (flows without payload included: kMirrorEnded
  /// too) and forgets its tombstones.
  void removeMirror(MirrorSlot slot);

  /// Takes one packet of a mirror. `toServer` tells the direction: true for a packet to a mirrored
  /// port, false for one that the pod itself sent; in a responseSlot() the pod is the client, and
  /// its SYN comes without ACK. Returns kNone if the packet shares the fate of its flow (it is
  /// counted in FlowView::packets), else the reason for which this packet alone is skipped:
  ///  - kDuplicate: it brings no new byte, or comes after the end of its connection;
  ///  - kMalformed: a SYN with ACK, FIN or RST; a number more than 2^30 ahead; a RST from the
  ///    client at another than the next expected number (behind it: kDuplicate), or from the pod
  ///    with a number more than 2^30 away from the connection's. None of them changes anything;
  ///  - kJoinedLate: a packet of no known flow without SYN and without payload. It brings no flow,
  ///    and neither does a lone byte without PSH, which may be a keep-alive probe;
  ///  - kFiltered: a packet of the pod that is no RST of TCP. A RST is looked up by the interface
  ///    it left through; if the connection came in through another, it is not found;
  ///  - the reason of the tombstone that it met.
  /// A SYN with another initial number ends the known flow as by RST, or as kGap if bytes of it
  /// are still held. A RST of the pod that acknowledges more than was captured ends it as kGap.
  Reason add(MirrorSlot slot, const capture::Packet& packet, bool toServer, TimePoint now);

  /// Makes a flow a tombstone with that reason: no event follows, later packets are skipped for
  /// it. Returns the packets that shared the flow's fate up to here; 0 if the id is no longer known
  /// or the flow has ended. REQUIRES: reason is not kNone. Not from a callback.
  std::uint32_t abandon(FlowId id, Reason reason);

  /// Ends what has waited too long. Returns when to call again at the latest, TimePoint::max() if
  /// nothing waits; packets added later may bring an earlier date, so call it after each batch.
  /// Time that seems to run backwards, here or in add(), stands still.
  TimePoint expire(TimePoint now);

  /// How many flows a full table has pushed out so far, of whatever state: whether a flow that
  /// appears is new to the table is certain only while this stays the same.
  std::uint64_t evictions() const;

  std::size_t flows() const;      // In the table, tombstones included.
  std::size_t heldBytes() const;  // Out of order, all flows together, as the limits count.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dormouse::reassembly
