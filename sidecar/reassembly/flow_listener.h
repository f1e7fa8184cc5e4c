// Who is told what becomes of a mirror's flows.
#pragma once

#include <cstdint>
#include <span>

#include "common/reason.h"
#include "reassembly/flow.h"

namespace dormouse::reassembly {

/// What is to become of a flow with a hole that is not filled in time, or for which there is no
/// room to wait any longer.
enum class AfterGap : std::uint8_t {
  kTombstone,  // It ends with kGap; its packets are skipped until a new connection.
  kNothing,    // It ends with kGap; its next payload appears as another flow, joined late.
  kGoOn,       // It goes on with the first bytes behind the hole.
};

/// Events of one mirror's flows, in the order of each flow's bytes, on the data thread. A callback
/// must not call back into the table.
class FlowListener {
 public:
  virtual ~FlowListener() = default;

  /// A flow enters the table. `joinedLate`: its first packet was no SYN. kNone admits it; any other
  /// reason makes it a tombstone at once: its packets are skipped for that reason and nothing
  /// further is said of it. A UDP flow is never late. What brings a flow: see FlowTable::add.
  virtual Reason onAppear(const FlowKey& key, bool joinedLate) = 0;

  /// The next bytes of a TCP flow, or one whole UDP datagram (which may be empty). The first call
  /// is the flow's beginning. kNone goes on; any other reason abandons the flow: it becomes a
  /// tombstone and no onEnd follows.
  virtual Reason onData(const FlowView& flow, std::span<const std::uint8_t> bytes) = 0;

  /// The flow has a hole for good. kGoOn: it stays the same flow, but FlowView::packets counts
  /// anew: those told of here have no other fate than that the listener gives them. What was held
  /// behind the hole follows at once, and each further hole among that is told of here. The others:
  /// onEnd follows.
  virtual AfterGap onGap(const FlowView&) { return AfterGap::kTombstone; }

  /// The flow has ended; called once for each admitted flow that was not abandoned. kNone: it came
  /// to its own end (FIN, RST, or a UDP flow's silence) with every byte delivered. kEmpty: it came
  /// to its own end without payload. Else kGap, kIdle, kEvicted or kMirrorEnded. `reset`: by RST,
  /// or by a new connection from the same port.
  virtual void onEnd(const FlowView& flow, Reason reason, bool reset) = 0;
};

}  // namespace dormouse::reassembly
