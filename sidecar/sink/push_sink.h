// The push mirror's sink: each mirrored connection is copied to the target.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mirror/sink.h"
#include "sink/push_link.h"
#include "sink/request_reserve.h"
#include "sink/target.h"

namespace dormouse::sink {

/// How often the target did not take a connection, by cause.
struct PushFailures {
  std::uint64_t refused = 0;      // Nothing listens there.
  std::uint64_t timedOut = 0;     // No answer to the handshake.
  std::uint64_t unreachable = 0;  // No route, or a firewall said so.
  std::uint64_t notAllowed = 0;   // The name resolves to what the mirror must not connect to.
  std::uint64_t resources = 0;    // Here: no descriptor, no port, no memory left.
  std::uint64_t other = 0;
};

/// See Sink for owner and thread; handles index a vector, so they should be small numbers. Made on
/// any thread: the loop is not touched before the first open().
class PushSink final : public mirror::Sink, private PushLinkOwner {
 public:
  /// REQUIRES: loop, clock, ownSockets and listener outlive the sink.
  PushSink(EventLoop& loop, const Clock& clock, std::unique_ptr<Target> target,
           mirror::OwnSockets& ownSockets, mirror::SinkListener& listener, PushOptions options);

  Reason open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) override;
  Reason data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) override;
  Reason judgeRequest(const mirror::RequestInfo& request) override;
  Reason beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) override;
  bool wantsContent() const override { return false; }
  Reason requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override;
  void endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) override;
  void cancelRequest(mirror::RequestId id, Reason reason) override;
  void close(mirror::ConnectionHandle handle, Reason reason, bool reset) override;
  TimePoint flush(TimePoint now) override;
  /// The report is not asked for: nothing carries it to the target.
  void finish(const std::function<std::string()>& report) override;
  bool done() const override { return finished_; }
  /// The latest failure; it stays when a later connection succeeds, since it explains those that
  /// were refused.
  std::string_view trouble() const override { return trouble_; }

  const PushFailures& failures() const { return failures_; }
  /// Connections at present, lingering ones included.
  std::size_t connections() const { return count_; }

 private:
  struct Slot {
    std::unique_ptr<PushLink> link;
    TimePoint timer = TimePoint::max();  // The deadline that stands in timers_.
    bool touched = false;                // It stands in touched_.
  };

  void onLinkEvent(mirror::ConnectionHandle handle, std::optional<Reason> fate) override;
  std::optional<Endpoint> nextEndpoint() override;
  void onNotTaken(const Endpoint& peer, int error) override;
  /// Makes timers_ agree with the link's deadline.
  void retime(mirror::ConnectionHandle handle);
  /// Ends the link: orderly if its fate is kNone, else by a reset.
  void drop(mirror::ConnectionHandle handle, Reason fate);
  /// What a request's call has said: as data().
  Reason judge(mirror::ConnectionHandle handle, Reason fate);
  /// The link has something to do at the batch's end.
  void touch(mirror::ConnectionHandle handle);
  void tellDeferred();
  /// Which of the link's requests have their fate by now.
  void tellRequests(mirror::ConnectionHandle handle);
  /// The link is over: so are those of its requests that have none.
  void tellOpen(mirror::ConnectionHandle handle, Reason fate);

  const Clock& clock_;
  const std::unique_ptr<Target> target_;
  mirror::SinkListener& listener_;
  const PushOptions options_;
  mirror::Budget budget_;
  RequestReserve reserve_;
  const PushContext context_;
  std::vector<Slot> slots_;
  std::size_t count_ = 0;
  std::set<std::pair<TimePoint, mirror::ConnectionHandle>> timers_;
  std::vector<std::pair<mirror::ConnectionHandle, Reason>> deferred_;  // Settled, not yet told.
  std::vector<mirror::ConnectionHandle> touched_;                      // Since flush().
  std::vector<std::pair<mirror::RequestId, Reason>> settled_;          // As deferred_.
  PushFailures failures_;
  std::string trouble_;
  bool finished_ = false;
};

}  // namespace dormouse::sink
