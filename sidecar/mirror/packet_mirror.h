// A mirror that delivers frames as they are: the `pcap` stream.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "mirror/mirror.h"
#include "mirror/selection.h"
#include "mirror/sink.h"

namespace dormouse::mirror {

/// See Mirror for life and thread. Its ledger counts packets only.
class PacketMirror final : public Mirror, private PacketSinkListener {
 public:
  using SinkFactory = std::function<std::unique_ptr<PacketSink>(PacketSinkListener& listener)>;

  /// REQUIRES: ownSockets outlives the mirror.
  PacketMirror(MirrorIdentity identity, capture::LinkType link, const OwnSockets& ownSockets,
               const SinkFactory& makeSink);

  void beginBatch(TimePoint) override {}
  void onPacket(const capture::RawPacket& raw) override;
  TimePoint flush(TimePoint now) override { return sink_->flush(now); }
  void endCapture() override {}
  bool settled() const override { return ledger_.packets.open == 0; }
  void finish() override { sink_->finish(); }
  bool done() const override { return sink_->done(); }
  const std::string& lostPurpose() const override { return lostPurpose_; }
  MirrorReport report() const override;
  void noteKernelDrops(std::uint64_t total) override;
  void noteEnd(const std::string& because) override { endedBecause_ = because; }

 private:
  /// Whether the mirror selects the packet, whichever way it goes: kNone, or why not.
  Reason judge(const capture::RawPacket& raw) const;
  void onPacketsSettled(Reason fate, std::uint64_t count) override;
  void onSinkGone(std::string_view why) override { lostPurpose_ = why; }

  const MirrorIdentity identity_;
  const capture::LinkType link_;
  const Selection selection_;
  std::uint64_t kernelDrops_ = 0;
  wire::Ledger ledger_;
  std::string lostPurpose_;
  std::string endedBecause_;
  std::unique_ptr<PacketSink> sink_;
};

}  // namespace dormouse::mirror
