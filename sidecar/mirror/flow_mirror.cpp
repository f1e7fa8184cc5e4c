#include "mirror/flow_mirror.h"

#include <algorithm>
#include <utility>

#include "capture/decoder.h"
#include "mirror/report.h"
#include "mirror/verdict.h"

namespace dormouse::mirror {

using capture::Decoded;
using capture::Packet;
using capture::Transport;

FlowMirror::FlowMirror(MirrorIdentity identity, capture::LinkType link,
                       reassembly::FlowTable& table, reassembly::MirrorSlot slot,
                       const OwnSockets& ownSockets, http::HeadStart& headStart,
                       const SinkFactory& makeSink)
    : identity_(std::move(identity)),
      link_(link),
      table_(table),
      slot_(slot),
      selection_(identity_.spec, ownSockets),
      mirroredPorts_(65536),
      sink_(makeSink(*this)) {
  for (const std::uint16_t port : identity_.spec.ports) mirroredPorts_[port] = true;
  const bool joins = identity_.spec.protocol == wire::Protocol::kTcp &&
                     identity_.spec.midstream == wire::Midstream::kHttp;
  if (joins || identity_.spec.splitsHttp2()) {
    stage_.emplace(identity_.spec, headStart, static_cast<FlowOwner&>(*this), *sink_, ledger_);
    rejoins_ = joins && stage_->ofRequests();
  }
  if (identity_.spec.responses && stage_ && sink_->responses() != nullptr) {
    ledger_.responses.emplace();
    responses_.emplace(selection_, *sink_->responses(), *ledger_.responses);
    stage_->follow(*responses_);
    table_.addMirror(reassembly::responseSlot(slot_), *responses_);
  }
  table_.addMirror(slot_, *this);
}

FlowMirror::~FlowMirror() {
  if (attached_) FlowMirror::endCapture();
}

void FlowMirror::onPacket(const capture::RawPacket& raw) {
  Packet packet;
  switch (capture::decode(link_, raw, packet)) {
    case Decoded::kPacket:
      break;
    case Decoded::kFragment:
      // The kernel filter lets IPv6 with extension headers through whatever its port.
      if (mirroredPorts_[packet.destination.port]) ledger_.packets.skip(Reason::kFragment);
      return;
    case Decoded::kTruncated:
      // Cut before its port could be read, it may have been one of ours: it counts.
      if (packet.destination.port == 0 || mirroredPorts_[packet.destination.port]) {
        ledger_.packets.skip(Reason::kTruncated);
      }
      return;
    case Decoded::kUnsupported:
      return;
  }
  if ((packet.transport == Transport::kTcp) != (identity_.spec.protocol == wire::Protocol::kTcp)) {
    return;
  }
  const bool toServer = !packet.outbound && mirroredPorts_[packet.destination.port];
  // The pod's own RSTs. On loopback libpcap shows them as inbound.
  const bool resetByServer = packet.has(capture::kRst) && mirroredPorts_[packet.source.port];
  if (responses_ && !toServer && mirroredPorts_[packet.source.port]) addResponse(packet);
  if (!toServer && !resetByServer) return;
  ++ledger_.packets.seen;
  ++ledger_.packets.open;
  const Reason alone = table_.add(slot_, packet, toServer, now_);
  if (alone != Reason::kNone) ledger_.packets.settle(alone);
}

void FlowMirror::addResponse(Packet packet) {
  // To the table the pod is this direction's client, which opens it without ACK.
  if (packet.has(capture::kSyn)) packet.flags &= static_cast<std::uint8_t>(~capture::kAck);
  table_.add(reassembly::responseSlot(slot_), packet, true, now_);
}

TimePoint FlowMirror::flush(TimePoint now) {
  setTime(now);
  const TimePoint next = sink_->flush(now);
  return responses_ ? std::min(next, responses_->expire(now)) : next;
}

Reason FlowMirror::onAppear(const reassembly::FlowKey& key, bool) {
  const Reason leftOut = selection_.judge(key.client, key.server);
  if (leftOut != Reason::kNone) {
    ledger_.connections.skip(leftOut);
    return leftOut;
  }
  ++ledger_.connections.seen;
  ++ledger_.connections.open;
  return Reason::kNone;
}

Reason FlowMirror::onData(const reassembly::FlowView& flow, std::span<const std::uint8_t> bytes) {
  ConnectionHandle handle = find(flow.id);
  if (handle == kNoConnection) {
    http::Opening opening;
    bool http2 = false;
    // They can only be told by its first bytes; a flow joined in its middle has none.
    if (flow.key.transport == Transport::kTcp && flow.fromStart) {
      opening = takeUndecided(flow.id);
      const http::Opening::Answer answer = opening.feed(bytes);
      if (answer == http::Opening::Answer::kUndecided) {
        undecided_[flow.id.index] = opening;
        return Reason::kNone;
      }
      if (answer == http::Opening::Answer::kTls) return settleFlow(flow, Reason::kTls);
      http2 = answer == http::Opening::Answer::kHttp2 && identity_.spec.splitsHttp2();
    }
    const Reason refused = begin(flow, http2, opening.held());
    if (refused != Reason::kNone) return refused;
    handle = find(flow.id);
  }
  return connections_[handle].staged ? stage(flow, handle, bytes) : deliver(flow, handle, bytes);
}

Reason FlowMirror::begin(const reassembly::FlowView& flow, bool http2,
                         std::span<const std::uint8_t> held) {
  const ConnectionHandle handle = allocate(flow.id);
  const bool joins = !flow.fromStart && identity_.spec.midstream == wire::Midstream::kHttp;
  if (stage_ && (stage_->ofRequests() || joins || http2)) {
    connections_[handle].staged = true;
    RequestStage::Kind kind = RequestStage::Kind::kUnknown;
    if (http2) kind = RequestStage::Kind::kHttp2;
    if (!flow.fromStart) kind = RequestStage::Kind::kJoinedLate;
    stage_->add(handle, kind);
    return held.empty() ? Reason::kNone : stage(flow, handle, held);
  }
  ConnectionInfo info;
  info.protocol = identity_.spec.protocol;
  info.fromStart = flow.fromStart;
  info.timestamp = flow.timestamp;
  info.client = flow.key.client;
  info.server = flow.key.server;
  const Reason refused = sink_->open(handle, info);
  if (refused != Reason::kNone) return settleFlow(flow, handle, refused);
  return held.empty() ? Reason::kNone : deliver(flow, handle, held);
}

Reason FlowMirror::deliver(const reassembly::FlowView& flow, ConnectionHandle handle,
                           std::span<const std::uint8_t> bytes) {
  const Reason refused = sink_->data(handle, bytes);
  if (refused != Reason::kNone) return settleFlow(flow, handle, refused);
  ledger_.bytes += bytes.size();
  return Reason::kNone;
}

Reason FlowMirror::stage(const reassembly::FlowView& flow, ConnectionHandle handle,
                         std::span<const std::uint8_t> bytes) {
  const Nanos silence = connections_[handle].holed ? Nanos{0} : sinceWake(flow);
  const Reason refused = stage_->feed(handle, flow, bytes, now_, silence);
  if (refused == Reason::kNone) return refused;
  handle = find(flow.id);  // Another one, if it was split.
  stage_->end(handle, flow, refused);
  if (responses_) responses_->requestsOver(flow, refused, false, now_);
  if (stage_->inSink(handle)) {
    closeInSink(flow, handle, refused, false);
    return refused;
  }
  return settleFlow(flow, handle, refused);
}

void FlowMirror::setTime(TimePoint now) {
  if (!woke_) {
    woke_ = now;
    evictionsBefore_ = table_.evictions();
  }
  now_ = now;
}

Nanos FlowMirror::sinceWake(const reassembly::FlowView& flow) const {
  // What the table does not know may have come nevertheless.
  if (kernelDrops_ != 0 || table_.evictions() != evictionsBefore_) return Nanos{0};
  // The packet may have waited in the ring, so its own time counts; the other one bounds what a
  // wall clock that is set may do.
  return std::min<Nanos>(flow.timestamp - identity_.started, now_ - *woke_);
}

void FlowMirror::closeInSink(const reassembly::FlowView& flow, ConnectionHandle handle,
                             Reason reason, bool reset) {
  Connection& connection = connections_[handle];
  connection.packets = flow.packets;
  connection.ended = true;
  connection.cut = reason;
  byFlow_[flow.id.index] = kNoConnection;
  sink_->close(handle, reason, reset);
}

Reason FlowMirror::settleFlow(const reassembly::FlowView& flow, Reason fate) {
  ledger_.connections.settle(fate);
  ledger_.packets.settle(fate, flow.packets);
  return fate;
}

Reason FlowMirror::settleFlow(const reassembly::FlowView& flow, ConnectionHandle handle,
                              Reason fate) {
  ledger_.connections.settle(connections_[handle].holed ? Reason::kGap : fate);
  ledger_.packets.settle(fate, flow.packets);
  release(handle, fate);
  return fate;
}

reassembly::AfterGap FlowMirror::onGap(const reassembly::FlowView& flow) {
  if (!rejoins_ || undecided_.contains(flow.id.index)) return reassembly::AfterGap::kTombstone;
  const ConnectionHandle before = find(flow.id);
  bool holed = true;
  if (before != kNoConnection) {
    if (!stage_->mayRejoin(before)) return reassembly::AfterGap::kTombstone;
    // One that was not joined yet has lost nothing.
    holed = !stage_->searches(before) || connections_[before].holed;
    if (responses_) responses_->requestsOver(flow, Reason::kGap, false, now_);
    stage_->end(before, flow, Reason::kGap);
    if (stage_->inSink(before)) {
      closePart(before, Reason::kGap);
    } else {
      release(before, Reason::kGap);
    }
  }
  const ConnectionHandle behind = allocate(flow.id);
  connections_[behind].staged = true;
  connections_[behind].holed = holed;
  stage_->add(behind, holed ? RequestStage::Kind::kBehindGap : RequestStage::Kind::kJoinedLate);
  ledger_.packets.settle(Reason::kGap, flow.packets);
  return reassembly::AfterGap::kGoOn;
}

void FlowMirror::onEnd(const reassembly::FlowView& flow, Reason reason, bool reset) {
  ConnectionHandle handle = find(flow.id);
  if (handle == kNoConnection) {
    const http::Opening opening = takeUndecided(flow.id);
    if (opening.held().empty()) {
      settleFlow(flow, reason);
      return;
    }
    // It ended while its few bytes still looked like TLS or HTTP/2: they were something else.
    if (begin(flow, false, opening.held()) != Reason::kNone) return;
    handle = find(flow.id);
  }
  if (responses_) responses_->requestsOver(flow, reason, reset, now_);
  if (connections_[handle].staged) {
    reason = stage_->end(handle, flow, reason);
    if (!stage_->inSink(handle)) {
      settleFlow(flow, handle, reason);
      return;
    }
  }
  closeInSink(flow, handle, reason, reset);
}

ConnectionHandle FlowMirror::split(ConnectionHandle handle) {
  const ConnectionHandle next = allocate(connections_[handle].flow);
  connections_[next].staged = true;
  connections_[next].holed = connections_[handle].holed;
  stage_->add(next);
  closePart(handle, Reason::kNone);
  return next;
}

void FlowMirror::closePart(ConnectionHandle handle, Reason reason) {
  connections_[handle].ended = connections_[handle].part = true;
  sink_->close(handle, reason, false);
}

void FlowMirror::onRequestSettled(RequestId, Reason fate) {
  if (stage_) stage_->onRequestSettled(fate);
}

void FlowMirror::onSettled(ConnectionHandle handle, Reason fate) {
  Connection& connection = connections_[handle];
  if (!connection.live) return;
  if (connection.part) return release(handle, fate);
  if (!connection.ended) connection.packets = table_.abandon(connection.flow, fate);
  const Reason reason = connection.cut != Reason::kNone ? connection.cut : fate;
  ledger_.connections.settle(connection.holed ? Reason::kGap : reason);
  ledger_.packets.settle(reason, connection.packets);
  release(handle, reason);
}

void FlowMirror::endCapture() {
  attached_ = false;
  table_.removeMirror(slot_);
  if (!responses_) return;
  table_.removeMirror(reassembly::responseSlot(slot_));
  responses_->finish();
}

void FlowMirror::finish() {
  sink_->finish([this] { return toText(*toJson(report())); });
}

MirrorReport FlowMirror::report() const {
  MirrorReport report = describe(identity_, endedBecause_);
  report.ledger = ledger_;
  report.verdict = verdict(ledger_, identity_.spec, !endedBecause_.empty(), sink_->trouble(),
                           stage_ ? stage_->waiting() : 0);
  return report;
}

void FlowMirror::noteKernelDrops(std::uint64_t total) {
  ledger_.packets.skip(Reason::kKernelDrop, total - kernelDrops_);
  kernelDrops_ = total;
}

http::Opening FlowMirror::takeUndecided(reassembly::FlowId flow) {
  if (undecided_.empty()) return {};
  const auto found = undecided_.find(flow.index);
  if (found == undecided_.end()) return {};
  const http::Opening opening = found->second;
  undecided_.erase(found);
  return opening;
}

ConnectionHandle FlowMirror::find(reassembly::FlowId flow) const {
  if (flow.index >= byFlow_.size()) return kNoConnection;
  const ConnectionHandle handle = byFlow_[flow.index];
  return handle != kNoConnection && connections_[handle].flow == flow ? handle : kNoConnection;
}

ConnectionHandle FlowMirror::allocate(reassembly::FlowId flow) {
  ConnectionHandle handle = static_cast<ConnectionHandle>(connections_.size());
  if (free_.empty()) {
    connections_.emplace_back();
  } else {
    handle = free_.back();
    free_.pop_back();
  }
  connections_[handle] = Connection{};
  connections_[handle].flow = flow;
  connections_[handle].live = true;
  if (flow.index >= byFlow_.size()) byFlow_.resize(flow.index + 1, kNoConnection);
  byFlow_[flow.index] = handle;
  return handle;
}

void FlowMirror::release(ConnectionHandle handle, Reason fate) {
  Connection& connection = connections_[handle];
  if (connection.staged) {
    stage_->settleUnfinished(handle, fate);
    stage_->remove(handle);
  }
  const std::uint32_t index = connection.flow.index;
  if (byFlow_[index] == handle) byFlow_[index] = kNoConnection;
  connection.live = false;
  free_.push_back(handle);
}

}  // namespace dormouse::mirror
