// The local half of one mirrored connection or flow.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/clock.h"
#include "common/reason.h"
#include "http/response_pairing.h"
#include "wire/frames.h"

namespace dormouse::client {

/// Told by a LocalEnd, on the loop's thread.
class LocalEndListener {
 public:
  virtual ~LocalEndListener() = default;
  /// The end is over: kNone, the local program got every byte; else why not. Called exactly once;
  /// the end must not be destroyed within the call.
  virtual void onLocalDone(std::uint64_t connection, Reason fate) = 0;
  /// Nobody takes connections or datagrams at the local port; `detail` is what the system says.
  /// onLocalDone follows, for UDP when the flow is over.
  virtual void onLocalRefused(std::uint64_t connection, const std::string& detail) = 0;
  /// The fate of one HTTP/2 request that came whole.
  virtual void onLocalRequest(std::uint64_t connection, std::uint32_t request, Reason fate) = 0;
  /// The local program took `bytes`.
  virtual void onLocalWritten(std::uint64_t bytes) = 0;
  /// TCP: the next bytes that the local program has sent; none: it has closed its side in order.
  virtual void onLocalAnswer(std::uint64_t connection, std::span<const std::uint8_t> bytes) = 0;
  /// HTTP/2, where answers matter: what it has answered to a request, once for each that it was
  /// sent at least in part, before the end is over; null: nothing, for that reason.
  virtual void onLocalHttp2Answer(std::uint64_t connection, std::uint32_t request,
                                  http::PairedResponse* answer, Reason missing) = 0;
};

/// A socket to the local program. Owned by the Replayer; one thread. Nothing here blocks. After
/// onLocalDone every call is ignored.
class LocalEnd {
 public:
  virtual ~LocalEnd() = default;
  /// The next bytes, or one datagram. They are copied or written.
  virtual void write(std::span<const std::uint8_t> bytes) = 0;
  /// The next part of a request, in place of write(). Only where requests are expected.
  virtual void request(const wire::RequestFrame&) {}
  /// To be called after a round in which parts came.
  virtual void flush() {}
  /// The original came to its own end: pass that on once everything is written.
  virtual void finish() = 0;
  /// The original was cut for that reason: write what came, then end so that it is no clean end.
  virtual void cut(Reason reason) = 0;
  /// No time left: end now. Fate: that reason unless everything was written and finished.
  virtual void giveUp(Reason reason) = 0;
  /// Ends what has waited too long. `linger`: how long a program may take to close its side.
  virtual void onTime(TimePoint now, Nanos linger) = 0;
};

}  // namespace dormouse::client
