#include "reassembly/held_pool.h"

#include <bit>
#include <memory>

namespace dormouse::reassembly {
namespace {

std::size_t sizeClass(std::size_t cost) {
  return static_cast<std::size_t>(std::bit_width(cost));
}

}  // namespace

bool HeldPool::fitsFlow(const FlowRecord& flow, std::size_t bytes) const {
  return costOf(flow) + HeldSegments::cost(bytes) <= perFlow_;
}

bool HeldPool::fitsTotal(std::size_t bytes) const {
  return total_ + HeldSegments::cost(bytes) <= limit_;
}

FlowRecord& HeldPool::heaviest(FlowRecord& flow, std::size_t bytes) const {
  const std::size_t own = sizeClass(costOf(flow) + HeldSegments::cost(bytes));
  for (std::size_t i = sizes_.size(); --i > own;) {
    if (!sizes_[i].empty()) return *sizes_[i].front();
  }
  return flow;
}

void HeldPool::hold(FlowRecord& flow, std::uint32_t start, const capture::Packet& packet,
                    TimePoint now) {
  const std::size_t before = costOf(flow);
  if (!flow.held) {
    flow.held = std::make_unique<HeldSegments>();
    flow.holeSince = now;
    holes_.pushBack(flow);
  }
  std::optional<std::uint32_t> acknowledgment;
  if (packet.has(capture::TcpFlag::kAck)) acknowledgment = packet.acknowledgment;
  flow.held->insert(start, packet.payload, packet.has(capture::TcpFlag::kFin), acknowledgment);
  recount(flow, before);
}

std::optional<HeldSegment> HeldPool::pop(FlowRecord& flow) {
  if (!flow.held) return std::nullopt;
  const std::size_t before = costOf(flow);
  auto segment = flow.held->popUpTo(flow.next);
  recount(flow, before);
  return segment;
}

void HeldPool::restart(FlowRecord& flow, TimePoint now) {
  if (!flow.held) return;
  if (flow.held->empty()) {
    release(flow);
  } else {
    flow.holeSince = now;
    holes_.moveToBack(flow);
  }
}

void HeldPool::release(FlowRecord& flow) {
  detach(flow);
}

std::unique_ptr<HeldSegments> HeldPool::detach(FlowRecord& flow) {
  if (!flow.held) return nullptr;
  const std::size_t cost = costOf(flow);
  if (cost != 0) sizes_[sizeClass(cost)].remove(flow);
  holes_.remove(flow);
  total_ -= cost;
  return std::move(flow.held);
}

void HeldPool::recount(FlowRecord& flow, std::size_t before) {
  const std::size_t cost = costOf(flow);
  total_ = total_ - before + cost;
  if (sizeClass(before) == sizeClass(cost)) return;
  if (before != 0) sizes_[sizeClass(before)].remove(flow);
  if (cost != 0) sizes_[sizeClass(cost)].pushBack(flow);
}

}  // namespace dormouse::reassembly
