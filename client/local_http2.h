// A mirrored HTTP/2 connection's copy: its requests, sent to the local program.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <memory>
#include <optional>
#include <set>

#include "client/byte_queue.h"
#include "client/local_answers.h"
#include "client/local_end.h"
#include "common/event_loop.h"
#include "replay/http2_channel.h"

namespace dormouse::client {

/// In HTTP/2, with the program's own settings and windows: see Http2Channel. The answers are read,
/// and told of if they matter, else thrown away. A request that does not fit the cap is left out
/// alone, and so is one that was in the middle of a connection that the program has ended; the next
/// one connects again.
class LocalHttp2 final : public LocalEnd,
                         private replay::Http2ChannelOwner,
                         private replay::Http2Memory {
 public:
  /// As LocalConnection's. `answers`: they matter.
  LocalHttp2(std::uint64_t connection, const Poco::Net::SocketAddress& to, EventLoop& loop,
             const Clock& clock, BufferCap& cap, bool answers, LocalEndListener& listener);

  void write(std::span<const std::uint8_t>) override {}  // It has no bytes but its requests'.
  void request(const wire::RequestFrame& frame) override;
  void flush() override;
  void finish() override;
  void cut(Reason reason) override;
  void giveUp(Reason reason) override;
  void onTime(TimePoint now, Nanos linger) override;

 private:
  std::optional<dormouse::Endpoint> nextEndpoint() override { return to_; }
  void onNotTaken(const dormouse::Endpoint& peer, int error) override;
  void onBytesWritten(std::size_t bytes) override { listener_.onLocalWritten(bytes); }
  void onChannelEvent() override;
  bool take(std::size_t bytes) override { return cap_.take(bytes); }
  void give(std::size_t bytes) override { cap_.giveBack(bytes); }

  /// Tells what the channel knows by now.
  void report();
  void settle(Reason fate);

  const std::uint64_t connection_;
  const dormouse::Endpoint to_;  // Not the client's own Endpoint.
  const Clock& clock_;
  BufferCap& cap_;
  LocalEndListener& listener_;
  TimePoint finishedAt_ = TimePoint::max();
  Reason cutFor_ = Reason::kNone;
  bool done_ = false;
  const std::unique_ptr<LocalAnswers> answers_;  // If they matter.
  replay::Http2Channel channel_;
};

}  // namespace dormouse::client
