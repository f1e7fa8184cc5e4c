#include "reassembly/flow_table.h"

#include <algorithm>
#include <array>

#include "reassembly/table_core.h"
#include "reassembly/tcp_intake.h"

namespace dormouse::reassembly {

// The index has a bucket, a pointer, for each flow, their number rounded up to a power of two.
static_assert(sizeof(FlowRecord) + 2 * sizeof(FlowRecord*) <= Limits::kBytesPerFlow,
              "the memory that a wake is admitted for counts on it");
namespace {

/// A limit of Nanos::max() means never, and must not overflow into the past.
TimePoint later(TimePoint from, Nanos by) {
  return by > TimePoint::max() - from ? TimePoint::max() : from + by;
}

}  // namespace

class FlowTable::Impl {
 public:
  explicit Impl(const Limits& given) : core(given), tcp(core), limits(given) {}

  Reason addUdp(MirrorSlot slot, const capture::Packet& packet);
  void expireHoles();
  void expireState(FlowState state);
  Nanos patience(FlowState state) const;
  TimePoint nextDeadline();

  TableCore core;
  TcpIntake tcp;
  const Limits limits;
};

namespace {

constexpr std::array kLiveStates = {FlowState::kClosed,       FlowState::kTombstone,
                                    FlowState::kUdpTombstone, FlowState::kEmpty,
                                    FlowState::kOpen,         FlowState::kUdpOpen};

}  // namespace

Reason FlowTable::Impl::addUdp(MirrorSlot slot, const capture::Packet& packet) {
  const FlowKey key{.client = packet.source,
                    .server = packet.destination,
                    .interface = packet.interface,
                    .transport = capture::Transport::kUdp,
                    .mirror = slot};
  FlowRecord* flow = core.store().find(key);
  if (flow == nullptr) flow = &core.appear(key, packet.timestamp, false);
  core.store().touch(*flow, core.now());
  if (flow->ended()) return flow->reason;
  flow->timestamp = packet.timestamp;
  ++flow->packets;
  core.deliver(*flow, packet.payload, false);
  return Reason::kNone;
}

void FlowTable::Impl::expireHoles() {
  while (FlowRecord* flow = core.held().oldestHole()) {
    if (later(flow->holeSince, limits.gapTimeout) > core.now()) return;
    core.giveUpHoles(*flow);
  }
}

void FlowTable::Impl::expireState(FlowState state) {
  while (FlowRecord* flow = core.store().oldest(state)) {
    if (later(flow->touched, patience(state)) > core.now()) return;
    core.drop(*flow, state == FlowState::kUdpOpen ? Reason::kNone : Reason::kIdle);
  }
}

Nanos FlowTable::Impl::patience(FlowState state) const {
  switch (state) {
    case FlowState::kClosed:
      return limits.closedLinger;
    case FlowState::kUdpOpen:
    case FlowState::kUdpTombstone:
      return limits.udpIdle;
    default:
      return limits.idleTimeout;
  }
}

TimePoint FlowTable::Impl::nextDeadline() {
  TimePoint deadline = TimePoint::max();
  if (const FlowRecord* flow = core.held().oldestHole()) {
    deadline = later(flow->holeSince, limits.gapTimeout);
  }
  for (const FlowState state : kLiveStates) {
    if (const FlowRecord* flow = core.store().oldest(state)) {
      deadline = std::min(deadline, later(flow->touched, patience(state)));
    }
  }
  return deadline;
}

FlowTable::FlowTable(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
FlowTable::~FlowTable() = default;

void FlowTable::addMirror(MirrorSlot slot, FlowListener& listener) {
  impl_->core.setListener(slot, &listener);
}

void FlowTable::removeMirror(MirrorSlot slot) {
  TableCore& core = impl_->core;
  if (!core.hasListener(slot)) return;
  for (std::uint32_t i = 0; i < core.store().extent(); ++i) {
    FlowRecord& flow = *core.store().at(i);
    if (flow.state != FlowState::kFree && flow.key.mirror == slot) {
      core.drop(flow, Reason::kMirrorEnded);
    }
  }
  core.setListener(slot, nullptr);
  if (!core.anyListener()) core.store().clear();
}

Reason FlowTable::add(MirrorSlot slot, const capture::Packet& packet, bool toServer,
                      TimePoint now) {
  impl_->core.advance(now);
  if (!impl_->core.hasListener(slot)) return Reason::kMirrorEnded;
  if (packet.transport == capture::Transport::kTcp) {
    return toServer ? impl_->tcp.fromClient(slot, packet) : impl_->tcp.fromServer(slot, packet);
  }
  return toServer ? impl_->addUdp(slot, packet) : Reason::kFiltered;
}

std::uint32_t FlowTable::abandon(FlowId id, Reason reason) {
  FlowRecord* flow = impl_->core.store().find(id);
  if (flow == nullptr || flow->ended()) return 0;
  impl_->core.bury(*flow, reason);
  return flow->packets;
}

TimePoint FlowTable::expire(TimePoint now) {
  impl_->core.advance(now);
  impl_->expireHoles();
  for (const FlowState state : kLiveStates) impl_->expireState(state);
  return impl_->nextDeadline();
}

std::uint64_t FlowTable::evictions() const {
  return impl_->core.evictions();
}

std::size_t FlowTable::flows() const {
  return impl_->core.store().size();
}

std::size_t FlowTable::heldBytes() const {
  return impl_->core.held().total();
}

}  // namespace dormouse::reassembly
