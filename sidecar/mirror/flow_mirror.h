// A mirror that delivers connections: packets in, reassembled flows to a sink.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/opening.h"
#include "mirror/mirror.h"
#include "mirror/request_stage.h"
#include "mirror/response_stage.h"
#include "mirror/selection.h"
#include "mirror/sink.h"
#include "reassembly/flow_table.h"

namespace dormouse::mirror {

/// See Mirror for life and thread.
///
/// Invariants:
/// 1. ledger_.connections.open == admitted flows whose fate is not known.
/// 2. ledger_.packets.open == packets of those flows, since their last hole.
/// 3. A connection record is live from the flow's first payload byte until its fate is known. The
///    sink knows of it all that time, unless it is staged: then RequestStage::inSink() tells.
class FlowMirror final : public Mirror,
                         private reassembly::FlowListener,
                         private SinkListener,
                         private FlowOwner {
 public:
  /// Makes the sink that reports to the given listener.
  using SinkFactory = std::function<std::unique_ptr<Sink>(SinkListener& listener)>;

  /// Throws http::PatternError. REQUIRES: slot is free in the table; table, ownSockets and
  /// headStart outlive the mirror.
  FlowMirror(MirrorIdentity identity, capture::LinkType link, reassembly::FlowTable& table,
             reassembly::MirrorSlot slot, const OwnSockets& ownSockets, http::HeadStart& headStart,
             const SinkFactory& makeSink);
  ~FlowMirror() override;

  void beginBatch(TimePoint now) override { setTime(now); }
  void onPacket(const capture::RawPacket& raw) override;
  TimePoint flush(TimePoint now) override;
  void endCapture() override;
  bool settled() const override {
    return ledger_.connections.open == 0 && ledger_.requests.open == 0 &&
           (!ledger_.responses || ledger_.responses->open == 0);
  }
  void finish() override;
  bool done() const override { return sink_->done(); }
  const std::string& lostPurpose() const override { return lostPurpose_; }
  MirrorReport report() const override;
  void noteKernelDrops(std::uint64_t total) override;
  void noteEnd(const std::string& because) override { endedBecause_ = because; }

 private:
  struct Connection {
    reassembly::FlowId flow;
    std::uint32_t packets = 0;   // Final once the flow has ended.
    bool live = false;           // False: the record is free.
    bool ended = false;          // The flow is over, the sink still at work.
    bool staged = false;         // Its bytes go through the stage.
    bool part = false;           // The flow goes on as another connection, which counts for both.
    bool holed = false;          // Bytes of the flow are missing in front of this one.
    Reason cut = Reason::kNone;  // Why the flow was cut, if it was.
  };

  Reason onAppear(const reassembly::FlowKey& key, bool joinedLate) override;
  Reason onData(const reassembly::FlowView& flow, std::span<const std::uint8_t> bytes) override;
  reassembly::AfterGap onGap(const reassembly::FlowView& flow) override;
  void onEnd(const reassembly::FlowView& flow, Reason reason, bool reset) override;
  void onSettled(ConnectionHandle handle, Reason fate) override;
  void onRequestSettled(RequestId request, Reason fate) override;
  void onResponseSettled(Reason fate) override { ledger_.responses->settle(fate); }
  void onSinkGone(std::string_view why) override { lostPurpose_ = why; }
  ConnectionHandle split(ConnectionHandle handle) override;

  /// `http2`: it begins with the preface of HTTP/2, whose requests are to be followed.
  Reason begin(const reassembly::FlowView& flow, bool http2, std::span<const std::uint8_t> held);
  Reason deliver(const reassembly::FlowView& flow, ConnectionHandle handle,
                 std::span<const std::uint8_t> bytes);
  /// The next bytes of a staged connection.
  Reason stage(const reassembly::FlowView& flow, ConnectionHandle handle,
               std::span<const std::uint8_t> bytes);
  /// A packet that the pod has sent, in a mirror of responses.
  void addResponse(capture::Packet packet);
  void setTime(TimePoint now);
  /// For how long before this event, since the wake, nothing can have come of its flow if nothing
  /// is in the table. 0 if that cannot be told.
  Nanos sinceWake(const reassembly::FlowView& flow) const;
  /// The flow is over, and the sink is told; its answer is awaited.
  void closeInSink(const reassembly::FlowView& flow, ConnectionHandle handle, Reason reason,
                   bool reset);
  /// For the sink the connection is over, but its flow goes on as another.
  void closePart(ConnectionHandle handle, Reason reason);
  /// Settles a flow that has no connection record.
  Reason settleFlow(const reassembly::FlowView& flow, Reason fate);
  /// Settles a flow that the sink knows nothing of, and frees its record.
  Reason settleFlow(const reassembly::FlowView& flow, ConnectionHandle handle, Reason fate);
  /// What is known of a flow that is not decided yet; nothing is held if it is a new one.
  http::Opening takeUndecided(reassembly::FlowId flow);
  /// The connection of a flow, or kNoConnection.
  ConnectionHandle find(reassembly::FlowId flow) const;
  ConnectionHandle allocate(reassembly::FlowId flow);
  /// The connection is over, and its unfinished request with it.
  void release(ConnectionHandle handle, Reason fate);

  static constexpr ConnectionHandle kNoConnection = 0xffffffff;

  const MirrorIdentity identity_;
  const capture::LinkType link_;
  reassembly::FlowTable& table_;
  const reassembly::MirrorSlot slot_;
  const Selection selection_;
  TimePoint now_;
  std::optional<TimePoint> woke_;      // The first time it was told.
  std::uint64_t evictionsBefore_ = 0;  // The table's, at that time.
  bool attached_ = true;               // The table knows the slot.
  std::uint64_t kernelDrops_ = 0;
  wire::Ledger ledger_;
  std::string lostPurpose_;
  std::string endedBecause_;
  std::vector<bool> mirroredPorts_;
  std::vector<Connection> connections_;
  std::vector<ConnectionHandle> free_;
  std::vector<ConnectionHandle> byFlow_;                        // Indexed by FlowId::index.
  std::unordered_map<std::uint32_t, http::Opening> undecided_;  // By FlowId::index; rarely any.
  std::optional<RequestStage> stage_;                           // TCP only.
  bool rejoins_ = false;                                        // Goes on behind holes.
  std::unique_ptr<Sink> sink_;              // Late: it may report until it is gone.
  std::optional<ResponseStage> responses_;  // Only where they were asked for.
};

}  // namespace dormouse::mirror
