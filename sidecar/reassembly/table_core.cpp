#include "reassembly/table_core.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "reassembly/seq.h"

namespace dormouse::reassembly {
namespace {

FlowView viewOf(const FlowRecord& flow, bool answered = false, bool overdue = false) {
  return {.id = {flow.index, flow.generation},
          .key = flow.key,
          .timestamp = flow.timestamp,
          .packets = flow.packets,
          .bytes = flow.bytes,
          .fromStart = flow.fromStart,
          .answered = answered,
          .overdue = overdue};
}

}  // namespace

TableCore::TableCore(const Limits& limits)
    : store_(std::max<std::size_t>(limits.maxFlows, 1)),
      held_(limits.heldPerFlow, limits.heldTotal) {}

bool TableCore::anyListener() const {
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [](const FlowListener* listener) { return listener != nullptr; });
}

FlowRecord& TableCore::appear(const FlowKey& key, WallTime timestamp, bool joinedLate) {
  if (store_.full()) {
    drop(store_.leastWanted(), Reason::kEvicted);
    ++evictions_;
  }
  const bool udp = key.transport == capture::Transport::kUdp;
  const Reason refusal = listeners_[key.mirror]->onAppear(key, joinedLate);
  FlowState state = udp ? FlowState::kUdpOpen : FlowState::kEmpty;
  if (refusal != Reason::kNone) state = udp ? FlowState::kUdpTombstone : FlowState::kTombstone;
  FlowRecord& flow = store_.create(key, state, now_);
  flow.reason = refusal;
  flow.timestamp = timestamp;
  flow.fromStart = !joinedLate;
  return flow;
}

bool TableCore::deliver(FlowRecord& flow, std::span<const std::uint8_t> bytes, bool answered,
                        bool overdue) {
  if (flow.state == FlowState::kEmpty) store_.move(flow, FlowState::kOpen, now_);
  const Reason verdict = listenerOf(flow).onData(viewOf(flow, answered, overdue), bytes);
  flow.bytes += bytes.size();
  if (!flow.isUdp()) flow.next += static_cast<std::uint32_t>(bytes.size());
  if (verdict == Reason::kNone) return true;
  bury(flow, verdict);
  return false;
}

void TableCore::close(FlowRecord& flow, bool reset) {
  finish(flow, flow.bytes == 0 ? Reason::kEmpty : Reason::kNone, reset);
  flow.reason = Reason::kDuplicate;
  store_.move(flow, FlowState::kClosed, now_);
}

void TableCore::closeFor(FlowRecord& flow, Reason reason, bool reset) {
  finish(flow, reason, reset);
  flow.reason = reason;
  store_.move(flow, FlowState::kClosed, now_);
}

void TableCore::layToRest(FlowRecord& flow) {
  if (flow.state == FlowState::kTombstone) store_.move(flow, FlowState::kClosed, now_);
}

void TableCore::giveUpHoles(FlowRecord& flow) {
  const std::unique_ptr<HeldSegments> held = held_.detach(flow);
  // How far the client has read, by what is captured since the hole; a pair of its own, of which
  // GCC 12 sees that it is initialized.
  bool known = false;
  std::uint32_t read = 0;
  while (const auto segment = held->popFirst()) {
    if (seqDiff(segment->start, flow.next) > 0) {
      const auto behind = static_cast<std::uint32_t>(held->count() + 1);
      FlowView view = viewOf(flow);
      view.packets -= behind;
      const AfterGap after = listenerOf(flow).onGap(view);
      if (after != AfterGap::kGoOn) return endAtGap(flow, after);
      flow.packets = behind;
      flow.next = segment->start;
      flow.fromStart = false;
      known = false;
    }
    bool answered = false;
    if (segment->acknowledgment) {
      answered = known && seqDiff(*segment->acknowledgment, read) > 0;
      if (answered || !known) read = *segment->acknowledgment;
      known = true;
    }
    const auto rest = segment->from(flow.next);
    if (!rest.empty() && !deliver(flow, rest, answered, true)) return;
    if (segment->fin) return close(flow, false);
  }
}

void TableCore::endAtGap(FlowRecord& flow, AfterGap after) {
  if (after == AfterGap::kNothing) return drop(flow, Reason::kGap);
  finish(flow, Reason::kGap, false);
  bury(flow, Reason::kGap);
}

void TableCore::bury(FlowRecord& flow, Reason reason) {
  held_.release(flow);
  flow.reason = reason;
  store_.move(flow, flow.isUdp() ? FlowState::kUdpTombstone : FlowState::kTombstone, now_);
}

void TableCore::drop(FlowRecord& flow, Reason reason, bool reset) {
  finish(flow, reason, reset);
  store_.erase(flow);
}

void TableCore::finish(FlowRecord& flow, Reason reason, bool reset) {
  held_.release(flow);
  if (!flow.ended()) listenerOf(flow).onEnd(viewOf(flow), reason, reset);
}

}  // namespace dormouse::reassembly
