// When to look at a capture again.
#pragma once

#include <algorithm>
#include <cstddef>

#include "capture/capture.h"
#include "common/clock.h"

namespace dormouse::agent {

/// Under steady and modest traffic a capture is not watched but left alone for a fixed rest: every
/// wake-up, and every write that follows it, costs as much as dozens of packets, and several blocks
/// of the ring can be taken at once. After silence the first packet is awaited as ever. Traffic
/// counts as modest while a turn takes less than a full block of the ring holds, so that a burst is
/// mostly noticed by its first block. The rest must be short against the time in which a burst can
/// fill the ring. Plain arithmetic; one thread.
class CapturePace {
 public:
  /// So many turns in a row must have been steady and modest: a transfer that begins at full speed
  /// begins with a few small segments, and a rest after these would cost it the ring.
  static constexpr int kCalmTurns = 8;

  /// `rest` of 0: the capture is always watched.
  explicit CapturePace(Nanos rest) : rest_(rest) {}

  /// A turn at `now` took this much.
  void note(const capture::Taken& taken, TimePoint now) {
    const bool modest = taken.packets > 0 && taken.bytes < kModest;
    // A turn that ends a rest comes a little later than the rest itself.
    const bool steady = now - lastPackets_ < 2 * rest_;
    calm_ = modest && steady ? std::min(calm_ + 1, kCalmTurns) : 0;
    if (taken.packets > 0) lastPackets_ = now;
  }
  /// Whether to leave the capture alone until restsUntil(), as of the last turn.
  bool rests() const { return calm_ == kCalmTurns; }
  TimePoint restsUntil() const { return lastPackets_ + rest_; }

 private:
  /// libpcap's blocks have 256 KiB. One that is closed because a segment does not fit is still more
  /// than half full, for segments seldom exceed 64 KiB.
  static constexpr std::size_t kModest = 128 << 10;

  const Nanos rest_;
  TimePoint lastPackets_{};
  int calm_ = 0;  // Turns in a row that were steady and modest.
};

}  // namespace dormouse::agent
