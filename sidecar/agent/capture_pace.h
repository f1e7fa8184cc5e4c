// When to look at a capture again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "capture/capture.h"
#include "common/clock.h"

namespace dormouse::agent {

/// How long a capture may be left alone.
struct Rest {
  Nanos length{0};       // 0: never.
  std::size_t most = 0;  // What may come in it, in bytes of packets: a small part of the ring.
};

/// Under steady and modest traffic a capture is not watched but left alone for a fixed rest: every
/// wake-up, and every write that follows it, costs as much as dozens of packets, and several blocks
/// of the ring can be taken at once. After silence the first packet is awaited as ever. Traffic
/// counts as modest while a rest brings less than Rest::most, judged by the rate of the last turn:
/// a burst shows by the short time in which it filled its first block. The rest must be short
/// against the time in which a burst can fill the ring. Plain arithmetic; one thread.
class CapturePace {
 public:
  /// So many turns in a row must have been steady and modest: a transfer that begins at full speed
  /// begins with a few small segments, and a rest after these would cost it the ring.
  static constexpr int kCalmTurns = 8;

  explicit CapturePace(const Rest& rest)
      : rest_(rest.length), most_(static_cast<std::int64_t>(rest.most)) {}

  /// A turn at `now` took this much. `all`: nothing was left in the ring.
  void note(const capture::Taken& taken, bool all, TimePoint now) {
    const Nanos since = now - lastPackets_;
    // A turn that ends a rest comes a little later than the rest itself.
    const bool steady = since < 2 * rest_;
    const bool modest = all && taken.packets > 0 && steady &&
                        static_cast<std::int64_t>(taken.bytes) * rest_.count() <
                            most_ * std::max(since, kShortest).count();
    calm_ = modest ? std::min(calm_ + 1, kCalmTurns) : 0;
    if (taken.packets > 0) lastPackets_ = now;
  }
  /// Whether to leave the capture alone until restsUntil(), as of the last turn.
  bool rests() const { return calm_ == kCalmTurns; }
  TimePoint restsUntil() const { return lastPackets_ + rest_; }

 private:
  /// Turns follow each other at once where several blocks were ready.
  static constexpr Nanos kShortest = std::chrono::milliseconds(1);

  const Nanos rest_;
  const std::int64_t most_;
  TimePoint lastPackets_{};
  int calm_ = 0;  // Turns in a row that were steady and modest.
};

}  // namespace dormouse::agent
