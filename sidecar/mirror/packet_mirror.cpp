#include "mirror/packet_mirror.h"

#include <algorithm>
#include <utility>

#include "capture/decoder.h"
#include "mirror/report.h"
#include "mirror/verdict.h"

namespace dormouse::mirror {

PacketMirror::PacketMirror(MirrorIdentity identity, capture::LinkType link,
                           const OwnSockets& ownSockets, const SinkFactory& makeSink)
    : identity_(std::move(identity)),
      link_(link),
      selection_(identity_.spec, ownSockets),
      sink_(makeSink(*this)) {}

Reason PacketMirror::judge(const capture::RawPacket& raw) const {
  capture::Packet packet;
  const capture::Decoded decoded = capture::decode(link_, raw, packet);
  if (decoded != capture::Decoded::kPacket && decoded != capture::Decoded::kFragment) {
    // Nobody's address can be read from it: shown to who asked for everything.
    return selection_.everything() ? Reason::kNone : Reason::kFiltered;
  }
  const auto& ports = identity_.spec.ports;
  const bool toServer = !packet.outbound && std::find(ports.begin(), ports.end(),
                                                      packet.destination.port) != ports.end();
  return toServer ? selection_.judge(packet.source, packet.destination)
                  : selection_.judge(packet.destination, packet.source);
}

void PacketMirror::onPacket(const capture::RawPacket& raw) {
  const Reason leftOut = judge(raw);
  if (leftOut != Reason::kNone) {
    ledger_.packets.skip(leftOut);
    return;
  }
  ++ledger_.packets.seen;
  ++ledger_.packets.open;
  const Reason refused = sink_->packet(raw);
  if (refused != Reason::kNone) {
    ledger_.packets.settle(refused);
  } else {
    ledger_.bytes += raw.bytes.size();
  }
}

void PacketMirror::onPacketsSettled(Reason fate, std::uint64_t count) {
  ledger_.packets.settle(fate, count);
}

MirrorReport PacketMirror::report() const {
  MirrorReport report = describe(identity_, endedBecause_);
  report.ledger = ledger_;
  report.verdict = verdict(ledger_, identity_.spec, !endedBecause_.empty(), {});
  return report;
}

void PacketMirror::noteKernelDrops(std::uint64_t total) {
  ledger_.packets.skip(Reason::kKernelDrop, total - kernelDrops_);
  kernelDrops_ = total;
}

}  // namespace dormouse::mirror
