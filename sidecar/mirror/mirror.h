// One mirror: takes the packets of its capture, keeps the ledger, feeds its sink.
#pragma once

#include <cstdint>
#include <string>

#include "capture/capture.h"
#include "common/clock.h"
#include "mirror/mirror_service.h"
#include "wire/ledger.h"

namespace dormouse::mirror {

/// What never changes about a mirror.
struct MirrorIdentity {
  std::string id;
  std::string owner;
  bool push = false;
  wire::MirrorSpec spec;  // ttl filled in.
  WallTime started;
  WallTime expires;
};

/// Owned by the data loop and used by its thread alone, from its making to its destruction.
///
/// Its life: packets and flush() while active; then endCapture(), flush() until settled() or the
/// loop's patience is over; finish(), flush() until done() or the same; then it is destroyed.
class Mirror : public capture::PacketHandler {
 public:
  ~Mirror() override = default;

  /// One frame of the capture. The batch's time was given to beginBatch().
  void onPacket(const capture::RawPacket& raw) override = 0;
  virtual void beginBatch(TimePoint now) = 0;
  /// As Sink::flush.
  virtual TimePoint flush(TimePoint now) = 0;

  /// No further packet comes: everything still open is cut as mirror-ended.
  virtual void endCapture() = 0;
  /// After endCapture(): every fate is known.
  virtual bool settled() const = 0;
  /// Settles what is left and lets the sink write its ending. The ledger is final afterwards.
  virtual void finish() = 0;
  /// After finish(): the sink has written all that it could.
  virtual bool done() const = 0;
  /// Why the mirror has no purpose any more ("reader gone"); empty while it has one.
  virtual const std::string& lostPurpose() const = 0;

  /// A copy for readers.
  virtual MirrorReport report() const = 0;
  /// The kernel's count of dropped packets since the capture was opened; goes into the ledger.
  virtual void noteKernelDrops(std::uint64_t total) = 0;
  /// Why the mirror ended, for its report.
  virtual void noteEnd(const std::string& because) = 0;
};

}  // namespace dormouse::mirror
