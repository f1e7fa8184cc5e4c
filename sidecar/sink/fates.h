// The fates of what a stream's sink has taken, until its listener is told.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "mirror/sink.h"

namespace dormouse::sink {

/// Connections, requests and responses: what is in the stream has its fate once the socket has
/// taken its last byte; all others are told of at the batch's end, as Sink promises. Bounded by the
/// buffer's limit, since each that waits has bytes in it. Owned by a sink, one thread.
class Fates {
 public:
  enum class Kind : std::uint8_t { kConnection, kRequest, kResponse };
  struct Fate {
    Kind kind;
    mirror::RequestId id;  // Of a connection: its handle alone; of a response: nothing.
    Reason reason = Reason::kNone;
  };

  /// REQUIRES: listener outlives this.
  explicit Fates(mirror::SinkListener& listener) : listener_(listener) {}

  /// Once the socket has taken so many bytes of the stream. REQUIRES: `end` never decreases.
  void onceWritten(std::uint64_t end, const Fate& fate) { waiting_.push_back({end, fate}); }
  /// At the next tellUpTo().
  void soon(const Fate& fate) { known_.push_back(fate); }

  void tellUpTo(std::uint64_t written);
  /// The rest will not be written: what was to be delivered is kSinkClosed.
  void tellRest();

 private:
  struct Waiting {
    std::uint64_t end;
    Fate fate;
  };

  void tell(const Fate& fate);

  mirror::SinkListener& listener_;
  std::deque<Waiting> waiting_;
  std::vector<Fate> known_;
};

}  // namespace dormouse::sink
