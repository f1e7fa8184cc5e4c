#include "reassembly/flow_slab.h"

namespace dormouse::reassembly {

FlowRecord* FlowSlab::take() {
  if (used_ >= capacity_) return nullptr;
  FlowRecord* flow = free_;
  if (flow != nullptr) {
    free_ = flow->chain;
    flow->chain = nullptr;
  } else {
    if (extent_ == chunks_.size() * kChunk) {
      chunks_.push_back(std::make_unique<FlowRecord[]>(kChunk));
    }
    flow = &chunks_[extent_ / kChunk][extent_ % kChunk];
    flow->index = extent_++;
  }
  flow->generation = ++generation_;
  ++used_;
  return flow;
}

void FlowSlab::giveBack(FlowRecord& flow) {
  const std::uint32_t index = flow.index;
  flow = FlowRecord{};
  flow.index = index;
  flow.chain = free_;
  free_ = &flow;
  --used_;
}

FlowRecord* FlowSlab::at(std::uint32_t index) {
  return index < extent_ ? &chunks_[index / kChunk][index % kChunk] : nullptr;
}

void FlowSlab::clear() {
  chunks_.clear();
  chunks_.shrink_to_fit();
  free_ = nullptr;
  extent_ = 0;
}

}  // namespace dormouse::reassembly
