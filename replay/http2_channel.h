// The requests of one mirrored HTTP/2 connection, replayed to a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/reason.h"
#include "replay/http2_leg.h"

namespace dormouse::replay {

/// What several channels share: how much they may hold together.
class Http2Memory {
 public:
  virtual ~Http2Memory() = default;
  /// False, and nothing is taken, if it would not fit.
  virtual bool take(std::size_t bytes) = 0;
  /// REQUIRES: bytes were taken.
  virtual void give(std::size_t bytes) = 0;
};

/// Told by a channel, on the loop's thread.
class Http2ChannelOwner {
 public:
  virtual ~Http2ChannelOwner() = default;
  /// Where the next connection goes; nothing: nowhere.
  virtual std::optional<Endpoint> nextEndpoint() = 0;
  /// A connection was not taken; `error` is a value of errno, EPROTO if the program does not speak
  /// HTTP/2, or has said nothing until the linger time was over.
  virtual void onNotTaken(const Endpoint& peer, int error) = 0;
  virtual void onBytesWritten(std::size_t bytes) = 0;
  /// An event may have changed anything. The channel may be destroyed within this call.
  virtual void onChannelEvent() = 0;
};

/// Sees what the program answers, as it was sent, connection by connection; on the loop's thread.
class Http2Watcher {
 public:
  virtual ~Http2Watcher() = default;
  /// A request has begun on this connection, for good; its stream is known.
  virtual void onBegun(const Http2Leg& leg, const Http2Request& request) = 0;
  /// The program's next bytes there.
  virtual void onReceived(const Http2Leg& leg, std::span<const std::uint8_t> bytes) = 0;
  /// It sends nothing more there.
  virtual void onGone(const Http2Leg& leg) = 0;
};

struct Http2ChannelOptions {
  Nanos connectTimeout = std::chrono::seconds(10);
  Nanos linger = std::chrono::seconds(60);  // For answers, after the original's end.
  int sendBuffer = 0;                       // SO_SNDBUF, bytes; 0: the kernel's choice.
  Http2Watcher* watcher = nullptr;          // Null: answers do not matter. Outlives the channel.
};

/// Connects when the first request comes, and again when the program has ended the connection (it
/// may take a number of requests each, or be started anew). So the failure of a connection is that
/// of the requests it had begun to take, and of nothing else; requests that come within kBackoff
/// after a refusal are refused without another try.
///
/// A request is delivered when the socket has taken its last byte, on a connection on which the
/// program has shown that it speaks HTTP/2. One that does not fit the memory is left out alone
/// (kOverBudget). Fates are told of requests that are whole; what is broken off before is the
/// caller's to count. Nothing is sent before pump(). Owned by one sink or client; one thread.
class Http2Channel final : private Http2LegOwner {
 public:
  static constexpr Nanos kBackoff = std::chrono::seconds(1);

  struct Context {
    EventLoop& loop;
    const Clock& clock;
    LocalEnds* localEnds;  // May be null.
    Http2Memory& memory;
    Http2ChannelOptions options;
  };

  /// REQUIRES: what the context refers to, and the owner, outlive the channel.
  Http2Channel(const Context& context, Http2ChannelOwner& owner);
  ~Http2Channel() override;
  Http2Channel(const Http2Channel&) = delete;
  Http2Channel& operator=(const Http2Channel&) = delete;

  /// REQUIRES: the number was not used before; the other calls name one that has begun.
  void begin(std::uint32_t number, Http2Fields head);
  void body(std::uint32_t number, std::span<const std::uint8_t> bytes);
  void end(std::uint32_t number, Http2Fields trailers);
  /// It is broken off; or it is whole, and nobody waits for its answer.
  void cancel(std::uint32_t number);
  /// Sends what can be sent. To be called after a batch of the calls above, and of finish().
  void pump();

  /// Nothing more comes; requests that are not whole are cancelled. The channel is over when all
  /// are answered, or `linger` has passed.
  void finish();
  /// To be called when deadline() has come.
  void expire();
  /// When expire() is to be called; TimePoint::max(): never.
  TimePoint deadline() const;
  /// After finish(), once there is nothing left to do: kNone, some requests were delivered, or
  /// there were none; else why the last one was not.
  std::optional<Reason> fate() const { return fate_; }

  /// No request waits for its fate.
  bool idle() const { return requests_.empty(); }
  /// The whole requests that do.
  std::vector<std::uint32_t> undelivered() const;

  using RequestFate = std::pair<std::uint32_t, Reason>;
  /// What has become known since the last call.
  std::vector<RequestFate> takeFates() { return std::exchange(fates_, {}); }

 private:
  void onBegun(Http2Request& request) override;
  void onBodyTaken(Http2Request& request, std::size_t bytes) override;
  void onSent(Http2Request& request) override;
  void onClosed(Http2Request& request, bool refused) override;
  void onWritten(std::uint32_t number) override;
  void onBytesWritten(std::size_t bytes) override { owner_.onBytesWritten(bytes); }
  void onOutputFree(std::size_t bytes) override { context_.memory.give(bytes); }
  void onReceived(Http2Leg& leg, std::span<const std::uint8_t> bytes) override;
  void onLegEvent(Http2Leg& leg) override;

  Http2Request* find(std::uint32_t number);
  bool charge(Http2Request& request, std::size_t bytes);
  /// It will not be delivered. Its shell stays until it is whole, for its fate to be told then.
  void lose(Http2Request& request, Reason reason);
  void settle(std::uint32_t number, Reason fate);
  void erase(std::uint32_t number);
  void submit();
  /// The leg that takes new requests; null: there is none.
  Http2Leg* current();
  /// Adds a leg; else why not.
  Reason connect();
  void losePending(Reason reason);
  void noteNotTaken(const Http2Leg& leg, int error);
  /// Removes legs that are over, and settles what they leave behind.
  void sweep();
  void bury(Http2Leg& leg);
  void conclude();

  const Context context_;
  Http2ChannelOwner& owner_;
  std::map<std::uint32_t, Http2Request> requests_;  // Whose fate is not known, by number.
  std::deque<std::uint32_t> pending_;               // Not submitted, oldest first.
  std::vector<std::unique_ptr<Http2Leg>> legs_;     // The last one takes requests.
  std::vector<RequestFate> fates_;
  TimePoint connectBy_ = TimePoint::max();  // While the last leg is connecting.
  TimePoint retryAt_{};                     // After a refusal.
  Reason lastLoss_ = Reason::kNone;
  bool delivered_ = false;  // One request at least.
  bool pumping_ = false;
  bool finishing_ = false;
  bool closing_ = false;
  TimePoint lingerEnd_ = TimePoint::max();
  std::optional<Reason> fate_;
};

}  // namespace dormouse::replay
