#include "reassembly/tcp_intake.h"

#include "reassembly/seq.h"

namespace dormouse::reassembly {
namespace {

using capture::Packet;
using capture::TcpFlag;

/// Combinations that open no connection and that a receiver drops: SYN with FIN or RST, and, from a
/// client, SYN with ACK. No segment is as long as a whole window.
bool isMalformed(const Packet& packet) {
  const bool mixedSyn = packet.has(TcpFlag::kSyn) &&
                        (packet.flags & (TcpFlag::kAck | TcpFlag::kFin | TcpFlag::kRst)) != 0;
  return mixedSyn || packet.payload.size() >= static_cast<std::size_t>(kMaxAhead);
}

/// A keep-alive probe of one byte (RFC 9293, 3.8.4) cannot be told from data by its number while
/// the flow is unknown. Senders of data set PSH on the last segment they have; probes have none.
bool mayBeKeepAlive(const Packet& packet) {
  return packet.payload.size() == 1 && !packet.has(TcpFlag::kPsh);
}

/// Notes how far the client has read. True if that is further than with the flow's last packet.
bool noteAcknowledgment(FlowRecord& flow, const Packet& packet) {
  if (!packet.has(TcpFlag::kAck)) return false;
  const bool further = flow.acknowledged && seqDiff(packet.acknowledgment, flow.acknowledgment) > 0;
  if (further || !flow.acknowledged) flow.acknowledgment = packet.acknowledgment;
  flow.acknowledged = true;
  return further;
}

/// Whether the pod's reset can belong to this connection, judged by the number that it carries.
bool resetFits(const FlowRecord& flow, const Packet& packet) {
  if (packet.has(TcpFlag::kAck)) return seqNear(packet.acknowledgment, flow.next);
  return !flow.acknowledged || seqNear(packet.sequence, flow.acknowledgment);
}

}  // namespace

Reason TcpIntake::fromClient(MirrorSlot slot, const Packet& packet) {
  if (isMalformed(packet)) return Reason::kMalformed;
  const FlowKey key{.client = packet.source,
                    .server = packet.destination,
                    .interface = packet.interface,
                    .transport = capture::Transport::kTcp,
                    .mirror = slot};
  FlowRecord* flow = flowFor(key, packet);
  if (flow == nullptr) return Reason::kJoinedLate;
  if (flow->ended()) return meetEnded(*flow, packet);
  return packet.has(TcpFlag::kRst) ? reset(*flow, packet) : segment(*flow, packet);
}

Reason TcpIntake::fromServer(MirrorSlot slot, const Packet& packet) {
  if (!packet.has(TcpFlag::kRst)) return Reason::kFiltered;
  FlowRecord* flow = core_.store().find(FlowKey{.client = packet.destination,
                                                .server = packet.source,
                                                .interface = packet.interface,
                                                .transport = capture::Transport::kTcp,
                                                .mirror = slot});
  if (flow == nullptr) return Reason::kJoinedLate;
  if (flow->ended()) return meetEnded(*flow, packet);
  if (!resetFits(*flow, packet)) return Reason::kMalformed;
  ++flow->packets;
  flow->timestamp = packet.timestamp;
  // The pod has received more than was captured.
  const bool missed = packet.has(TcpFlag::kAck) && seqDiff(packet.acknowledgment, flow->next) > 0;
  if (missed) {
    core_.closeFor(*flow, Reason::kGap, true);
  } else {
    core_.close(*flow, true);
  }
  return Reason::kNone;
}

FlowRecord* TcpIntake::flowFor(const FlowKey& key, const Packet& packet) {
  FlowRecord* flow = core_.store().find(key);
  if (packet.has(TcpFlag::kSyn)) {
    if (flow != nullptr && flow->initial == packet.sequence) return flow;
    if (flow != nullptr) supersede(*flow, packet.timestamp);
    return &begin(key, packet, false);
  }
  if (flow != nullptr) return flow;
  const bool bare = packet.payload.empty() || packet.has(TcpFlag::kRst) || mayBeKeepAlive(packet);
  return bare ? nullptr : &begin(key, packet, true);
}

FlowRecord& TcpIntake::begin(const FlowKey& key, const Packet& packet, bool joinedLate) {
  FlowRecord& flow = core_.appear(key, packet.timestamp, joinedLate);
  flow.initial = joinedLate ? packet.sequence - 1 : packet.sequence;
  flow.next = flow.initial + 1;
  return flow;
}

void TcpIntake::supersede(FlowRecord& flow, WallTime timestamp) {
  Reason reason = flow.bytes == 0 ? Reason::kEmpty : Reason::kNone;
  if (flow.held) reason = Reason::kGap;
  flow.timestamp = timestamp;
  core_.drop(flow, reason, true);
}

Reason TcpIntake::meetEnded(FlowRecord& flow, const Packet& packet) {
  const Reason reason = flow.reason;
  if (packet.has(TcpFlag::kFin) || packet.has(TcpFlag::kRst)) {
    core_.layToRest(flow);
  } else if (flow.state == FlowState::kTombstone) {
    core_.store().touch(flow, core_.now());
  }
  return reason;
}

Reason TcpIntake::reset(FlowRecord& flow, const Packet& packet) {
  const std::int32_t ahead = seqDiff(packet.sequence, flow.next);
  if (ahead != 0) return ahead < 0 ? Reason::kDuplicate : Reason::kMalformed;
  ++flow.packets;
  flow.timestamp = packet.timestamp;
  core_.close(flow, true);
  return Reason::kNone;
}

Reason TcpIntake::segment(FlowRecord& flow, const Packet& packet) {
  const bool syn = packet.has(TcpFlag::kSyn);
  const bool fin = packet.has(TcpFlag::kFin);
  const std::uint32_t start = packet.sequence + (syn ? 1U : 0U);
  const std::uint32_t end =
      start + static_cast<std::uint32_t>(packet.payload.size()) + (fin ? 1U : 0U);
  const std::int32_t ahead = seqDiff(start, flow.next);
  if (ahead > kMaxAhead) return Reason::kMalformed;

  const bool answered = noteAcknowledgment(flow, packet);
  flow.timestamp = packet.timestamp;
  core_.store().touch(flow, core_.now());
  if (start == end) {
    // A flow without packets has just begun with this SYN; any other SYN is another copy of it.
    const bool repeated = syn ? flow.packets > 0 : ahead < 0;
    if (repeated) return Reason::kDuplicate;
    ++flow.packets;
    return Reason::kNone;
  }
  if (seqDiff(end, flow.next) <= 0) return Reason::kDuplicate;
  if (ahead > 0) return hold(flow, start, packet);

  ++flow.packets;
  accept(flow, packet.payload.subspan(static_cast<std::size_t>(-ahead)), fin, answered);
  if (fin) core_.layToRest(flow);  // In case the listener has just abandoned it.
  return Reason::kNone;
}

Reason TcpIntake::hold(FlowRecord& flow, std::uint32_t start, const Packet& packet) {
  const std::size_t size = packet.payload.size();
  const bool fin = packet.has(TcpFlag::kFin);
  const std::uint32_t end = start + static_cast<std::uint32_t>(size) + (fin ? 1U : 0U);
  if (flow.held && flow.held->covers(start, end)) return Reason::kDuplicate;

  HeldPool& held = core_.held();
  bool room = held.fitsFlow(flow, size);
  while (room && !held.fitsTotal(size)) {
    FlowRecord& heaviest = held.heaviest(flow, size);
    room = &heaviest != &flow;
    if (room) core_.giveUpHoles(heaviest);
  }
  held.hold(flow, start, packet, core_.now());
  ++flow.packets;
  if (!room) core_.giveUpHoles(flow);
  return Reason::kNone;
}

void TcpIntake::accept(FlowRecord& flow, std::span<const std::uint8_t> bytes, bool fin,
                       bool answered) {
  if (!bytes.empty() && !core_.deliver(flow, bytes, answered)) return;
  if (fin) return core_.close(flow, false);
  while (auto segment = core_.held().pop(flow)) {
    // Invariant: segment->start <= flow.next, so the part before it has been delivered already.
    if (seqDiff(segment->end, flow.next) <= 0) continue;
    const auto rest = segment->from(flow.next);
    if (!rest.empty() && !core_.deliver(flow, rest, false)) return;
    if (segment->fin) return core_.close(flow, false);
  }
  core_.held().restart(flow, core_.now());
}

}  // namespace dormouse::reassembly
