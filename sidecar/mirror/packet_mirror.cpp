#include "mirror/packet_mirror.h"

#include <utility>

#include "mirror/report.h"
#include "mirror/verdict.h"

namespace dormouse::mirror {

PacketMirror::PacketMirror(MirrorIdentity identity, const SinkFactory& makeSink)
    : identity_(std::move(identity)), sink_(makeSink(*this)) {}

void PacketMirror::onPacket(const capture::RawPacket& raw) {
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
