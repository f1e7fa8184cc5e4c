#include "reassembly/flow_store.h"

namespace dormouse::reassembly {

FlowStore::FlowStore(std::size_t capacity)
    : capacity_(capacity), slab_(capacity), index_(capacity) {}

FlowRecord* FlowStore::find(FlowId id) {
  FlowRecord* flow = slab_.at(id.index);
  const bool known =
      flow != nullptr && flow->state != FlowState::kFree && flow->generation == id.generation;
  return known ? flow : nullptr;
}

FlowRecord& FlowStore::create(const FlowKey& key, FlowState state, TimePoint now) {
  FlowRecord& flow = *slab_.take();
  flow.key = key;
  flow.state = state;
  flow.touched = now;
  index_.insert(flow);
  queue(state).pushBack(flow);
  return flow;
}

void FlowStore::move(FlowRecord& flow, FlowState state, TimePoint now) {
  flow.touched = now;
  if (flow.state == state) {
    queue(state).moveToBack(flow);
    return;
  }
  queue(flow.state).remove(flow);
  queue(state).pushBack(flow);
  flow.state = state;
}

void FlowStore::erase(FlowRecord& flow) {
  queue(flow.state).remove(flow);
  index_.remove(flow);
  slab_.giveBack(flow);
}

FlowRecord& FlowStore::leastWanted() const {
  FlowRecord* flow = oldest(FlowState::kClosed);
  if (flow == nullptr) flow = older(FlowState::kTombstone, FlowState::kUdpTombstone);
  if (flow == nullptr) flow = oldest(FlowState::kEmpty);
  if (flow == nullptr) flow = older(FlowState::kOpen, FlowState::kUdpOpen);
  return *flow;
}

FlowRecord* FlowStore::older(FlowState one, FlowState other) const {
  FlowRecord* a = oldest(one);
  FlowRecord* b = oldest(other);
  if (a == nullptr || b == nullptr) return a != nullptr ? a : b;
  return a->touched <= b->touched ? a : b;
}

void FlowStore::clear() {
  index_.clear();
  slab_.clear();
}

}  // namespace dormouse::reassembly
