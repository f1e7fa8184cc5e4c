// When a stream that is silent needs a sign of life.
#pragma once

#include <cstdint>

#include "common/clock.h"
#include "sink/stream_buffer.h"

namespace dormouse::sink {

/// Watches what the socket of a StreamBuffer has taken. A reader that is behind needs no heartbeat,
/// and its socket says when it is ready. Owned by a sink, one thread.
class Heartbeat {
 public:
  /// `every`: the silence after which one is due. REQUIRES: buffer outlives this.
  Heartbeat(const StreamBuffer& buffer, Nanos every) : buffer_(buffer), every_(every) {}

  bool due(TimePoint now) {
    if (buffer_.written() != writtenBefore_) noteWrite(now);
    return buffer_.empty() && now - lastWrite_ >= every_;
  }
  /// One was handed to the socket just now, or the format has none.
  void noteWrite(TimePoint now) {
    writtenBefore_ = buffer_.written();
    lastWrite_ = now;
  }
  /// When the next one is due at the earliest; TimePoint::max() while the reader is behind.
  TimePoint next() const { return buffer_.empty() ? lastWrite_ + every_ : TimePoint::max(); }

 private:
  const StreamBuffer& buffer_;
  const Nanos every_;
  std::uint64_t writtenBefore_ = 0;  // As of lastWrite_.
  TimePoint lastWrite_{};
};

}  // namespace dormouse::sink
