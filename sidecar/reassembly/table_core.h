// What may happen to a flow, whatever its transport: it appears, brings bytes, ends. Keeps the
// records, the held bytes and the listeners in step.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "capture/packet.h"
#include "common/clock.h"
#include "common/reason.h"
#include "reassembly/flow_listener.h"
#include "reassembly/flow_store.h"
#include "reassembly/flow_table.h"
#include "reassembly/held_pool.h"

namespace dormouse::reassembly {

/// Owned by the FlowTable. A FlowRecord& handed in stays valid unless the comment says otherwise.
class TableCore {
 public:
  explicit TableCore(const Limits& limits);

  void setListener(MirrorSlot slot, FlowListener* listener) { listeners_[slot] = listener; }
  bool hasListener(MirrorSlot slot) const {
    return slot < kMaxSlots && listeners_[slot] != nullptr;
  }
  bool anyListener() const;

  /// Time never runs backwards here, whatever the caller says.
  void advance(TimePoint now) {
    if (now > now_) now_ = now;
  }
  TimePoint now() const { return now_; }
  FlowStore& store() { return store_; }
  HeldPool& held() { return held_; }
  std::uint64_t evictions() const { return evictions_; }

  /// Makes room for a new flow, if need be at another's expense, and asks its listener. The result
  /// is a tombstone if the listener refuses. REQUIRES: the key is unknown.
  FlowRecord& appear(const FlowKey& key, WallTime timestamp, bool joinedLate);
  /// Hands the next bytes to the listener. False if it abandoned the flow, now a tombstone.
  bool deliver(FlowRecord& flow, std::span<const std::uint8_t> bytes, bool answered,
               bool overdue = false);

  /// The flow came to its own end. It stays to absorb retransmissions.
  void close(FlowRecord& flow, bool reset);
  /// The flow ended by FIN or RST, but for that reason it is not whole. It stays like a closed one.
  void closeFor(FlowRecord& flow, Reason reason, bool reset);
  /// A tombstone met a FIN or RST: nothing but retransmissions will follow.
  void layToRest(FlowRecord& flow);
  /// The flow's holes are waited for no longer: its listener decides about each. Nothing is held
  /// afterwards. `flow` may be gone. REQUIRES: it holds something.
  void giveUpHoles(FlowRecord& flow);
  /// Leaves a tombstone without telling anybody.
  void bury(FlowRecord& flow, Reason reason);
  /// Ends the flow for that reason unless it has ended already, and forgets it. `flow` is gone.
  void drop(FlowRecord& flow, Reason reason, bool reset = false);

 private:
  FlowListener& listenerOf(const FlowRecord& flow) const { return *listeners_[flow.key.mirror]; }
  /// Ends the flow with kGap and leaves what its listener wants, which is not kGoOn. `flow` may be
  /// gone.
  void endAtGap(FlowRecord& flow, AfterGap after);
  /// Releases what is held and tells the listener, unless the flow has ended already.
  void finish(FlowRecord& flow, Reason reason, bool reset);

  TimePoint now_;
  FlowStore store_;
  HeldPool held_;
  std::uint64_t evictions_ = 0;
  std::array<FlowListener*, kMaxSlots> listeners_{};
};

}  // namespace dormouse::reassembly
