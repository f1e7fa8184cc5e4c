// The flow records with everything that finds them: by key, by id, and by age within a state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/clock.h"
#include "reassembly/flow_index.h"
#include "reassembly/flow_list.h"
#include "reassembly/flow_record.h"
#include "reassembly/flow_slab.h"

namespace dormouse::reassembly {

/// Every operation is O(1) but clear(). Each state's queue is in the order of FlowRecord::touched,
/// provided that `now` never runs backwards.
class FlowStore {
 public:
  explicit FlowStore(std::size_t capacity);

  FlowRecord* find(const FlowKey& key) { return index_.find(key); }
  /// The flow of that name, or null if it is gone.
  FlowRecord* find(FlowId id);
  /// Any record, free ones too; null from extent() on.
  FlowRecord* at(std::uint32_t index) { return slab_.at(index); }
  std::uint32_t extent() const { return slab_.extent(); }

  bool full() const { return slab_.used() == capacity_; }
  std::size_t size() const { return slab_.used(); }

  /// REQUIRES: !full(); the key is not yet in; `state` is not kFree.
  FlowRecord& create(const FlowKey& key, FlowState state, TimePoint now);
  /// Puts the flow at the young end of that state's queue.
  void move(FlowRecord& flow, FlowState state, TimePoint now);
  /// A sign of life.
  void touch(FlowRecord& flow, TimePoint now) { move(flow, flow.state, now); }
  /// REQUIRES: the flow holds no segments.
  void erase(FlowRecord& flow);

  /// The flow in that state that has been silent longest, or null.
  FlowRecord* oldest(FlowState state) const { return queue(state).front(); }
  /// Who goes first to make room: closed flows, tombstones, flows without payload, then the one
  /// that has been silent longest. REQUIRES: size() > 0.
  FlowRecord& leastWanted() const;

  /// Gives all memory back. REQUIRES: size() == 0.
  void clear();

 private:
  using Queue = FlowList<&FlowRecord::queue>;

  Queue& queue(FlowState state) { return queues_[static_cast<std::size_t>(state)]; }
  const Queue& queue(FlowState state) const { return queues_[static_cast<std::size_t>(state)]; }
  FlowRecord* older(FlowState one, FlowState other) const;

  std::size_t capacity_;
  FlowSlab slab_;
  FlowIndex index_;
  std::array<Queue, kFlowStates> queues_;
};

}  // namespace dormouse::reassembly
