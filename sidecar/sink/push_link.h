// One mirrored connection's way to the target: what TCP and UDP have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/ip.h"
#include "common/reason.h"
#include "mirror/budget.h"
#include "mirror/own_sockets.h"
#include "mirror/sink.h"

namespace dormouse::sink {

struct PushOptions {
  std::size_t budget = 4 << 20;       // Bytes of memory for all queues of the mirror.
  std::size_t maxConnections = 1024;  // At a time, lingering ones included.
  Nanos connectTimeout = std::chrono::seconds(10);
  Nanos linger = std::chrono::seconds(60);  // For the other side's end, after our FIN.
  int sendBuffer = 0;                       // SO_SNDBUF, bytes; 0: the kernel's choice.
};

/// Told by a link after each of its events.
class PushLinkOwner {
 public:
  virtual ~PushLinkOwner() = default;
  /// A fate: the link is over and may be destroyed from within this call, which is the last thing
  /// it does. None: only its deadline may have changed.
  virtual void onLinkEvent(mirror::ConnectionHandle handle, std::optional<Reason> fate) = 0;
  // For links that connect by themselves.
  /// Where to; nothing: nowhere at present.
  virtual std::optional<Endpoint> nextEndpoint() = 0;
  /// A connection failed; `error` is a value of errno, EPROTO if the other end does not speak
  /// HTTP/2.
  virtual void onNotTaken(const Endpoint& peer, int error) = 0;
};

/// What the links of one sink share.
struct PushContext {
  PushLinkOwner& owner;
  EventLoop& loop;
  const Clock& clock;
  mirror::Budget& budget;
  mirror::OwnSockets& ownSockets;
  const PushOptions& options;
};

/// Owned by the PushSink; the loop's thread only. A link that is destroyed before it has the fate
/// kNone is cut: its receiver sees a reset. Once a function has given a fate only the destructor
/// may be called.
class PushLink {
 public:
  using RequestFate = std::pair<std::uint32_t, Reason>;

  virtual ~PushLink() = default;
  /// Begins to connect to `to`. 0, or the value of errno if that failed at once.
  virtual int connect(const Endpoint& to) = 0;
  /// The next bytes, or one datagram; flush() follows. kNone: taken whole; else the fate.
  virtual Reason write(std::span<const std::uint8_t> bytes) = 0;
  // As those of RequestIntake. One of HTTP/1 is its bytes.
  virtual Reason beginRequest(std::uint32_t, const mirror::RequestInfo& request) {
    return write(request.head.bytes);
  }
  virtual Reason requestBody(std::uint32_t, std::span<const std::uint8_t> raw,
                             std::span<const std::uint8_t>) {
    return write(raw);
  }
  virtual void endRequest(std::uint32_t number, std::span<const http::HeaderField> trailers) = 0;
  virtual void cancelRequest(std::uint32_t) {}  // HTTP/1 has no such thing.
  /// The end of a batch. The fate, if it has become known.
  virtual std::optional<Reason> flush() { return std::nullopt; }
  /// The ended requests whose fate has become known since the last call.
  virtual std::vector<RequestFate> takeFates() = 0;
  /// The ended requests whose fate is not known, once the link is over.
  virtual std::vector<std::uint32_t> takeOpen() = 0;
  /// Nothing more comes: the original came to its own end. The fate, if it is known already.
  virtual std::optional<Reason> end() = 0;
  /// Called when deadline() has come. The fate, if the waiting is over.
  virtual std::optional<Reason> expire() = 0;
  /// The mirror is over: the fate as far as it can be told now.
  virtual Reason settleNow() = 0;

  /// onNotTaken() was called for every failure.
  virtual bool failureTold() const { return false; }

  /// When expire() is to be called; TimePoint::max(): never.
  TimePoint deadline() const { return deadline_; }
  /// Why it failed, a value of errno; 0 if the operating system has reported no error.
  int error() const { return error_; }
  const Endpoint& peer() const { return peer_; }

 protected:
  TimePoint deadline_ = TimePoint::max();
  int error_ = 0;
  Endpoint peer_;
};

}  // namespace dormouse::sink
