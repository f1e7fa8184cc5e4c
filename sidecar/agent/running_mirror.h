// A mirror at work: its capture, its phase, its deadlines.
#pragma once

#include <memory>
#include <string>

#include "agent/capture_pace.h"
#include "capture/capture.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "mirror/mirror.h"
#include "reassembly/flow_table.h"

namespace dormouse::agent {

/// Each state names the event that enters it.
enum class Phase : std::uint8_t {
  kActive,     // Started.
  kDraining,   // end(): what the kernel already holds is still taken.
  kSettling,   // The ring is empty: nothing more comes in, the sink finishes its connections.
  kFinishing,  // All fates are known, or patience was over: the sink writes its ending.
  kOver,       // Written, or patience was over.
};

/// Owned by the data loop; data thread only.
class RunningMirror final : public EventHandler {
 public:
  /// `batch` is the capture's block time-out: how long a packet may lie in the ring until it can be
  /// taken. `rest` is how long it may lie there longer under steady traffic.
  RunningMirror(std::string id, std::unique_ptr<capture::Capture> capture,
                std::unique_ptr<mirror::Mirror> mirror, reassembly::MirrorSlot slot,
                TimePoint deadline, Nanos batch, Rest rest, EventLoop& loop, const Clock& clock);
  ~RunningMirror() override;
  RunningMirror(const RunningMirror&) = delete;
  RunningMirror& operator=(const RunningMirror&) = delete;

  const std::string& id() const { return id_; }
  reassembly::MirrorSlot slot() const { return slot_; }
  Phase phase() const { return phase_; }

  /// The capture's descriptor is ready.
  void onEvents(std::uint32_t events) override;
  /// Takes packets if the capture has rested long enough.
  void endRest(TimePoint now);
  /// Begins to end, unless it has begun already.
  void end(const std::string& because, TimePoint now);
  /// Writes, and takes the next step of its life if it is time. Returns when to call again at the
  /// latest.
  TimePoint serve(TimePoint now);
  /// With the kernel's drops up to this moment.
  mirror::MirrorReport report();
  /// After kOver.
  std::unique_ptr<capture::Capture> takeCapture() { return std::move(capture_); }

 private:
  /// At most this many packets before the other descriptors have their turn.
  static constexpr int kPacketsPerTurn = 4096;
  /// How long a sink may take to settle, and to write its ending: together well below the second in
  /// which the agent obeys a SIGTERM.
  static constexpr Nanos kPatience = std::chrono::milliseconds(300);

  int takePackets(TimePoint now);
  /// Lets the loop watch the capture, or not while it rests.
  void watch();
  void enter(Phase phase, TimePoint patience);

  const std::string id_;
  std::unique_ptr<capture::Capture> capture_;
  std::unique_ptr<mirror::Mirror> mirror_;
  const reassembly::MirrorSlot slot_;
  const Nanos batch_;
  CapturePace pace_;
  bool watched_ = true;
  EventLoop& loop_;
  const Clock& clock_;
  Phase phase_ = Phase::kActive;
  TimePoint deadline_;  // When this phase ends at the latest.
  std::string captureFailure_;
};

}  // namespace dormouse::agent
