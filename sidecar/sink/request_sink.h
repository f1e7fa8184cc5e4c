// The stream formats that hold whole requests: `ndjson` and `http`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mirror/budget.h"
#include "mirror/sink.h"
#include "sink/fates.h"
#include "sink/frames_sink.h"
#include "sink/heartbeat.h"
#include "sink/request_format.h"
#include "sink/stream_buffer.h"

namespace dormouse::sink {

/// See Sink for owner and thread; handles index a vector, so they should be small numbers.
///
/// A request is collected until it is whole, then written: so requests of many connections share
/// one stream, and one that does not come to its end leaves no trace. Half of the budget is for
/// requests that are coming in, the other half for what the reader is behind; a request that does
/// not fit is left out alone (kOverBudget). It is delivered once the socket has taken its last
/// byte. A connection is delivered when all its requests have their fate.
///
/// What is no request, in a format that holds it, is written as it comes; a connection that does
/// not fit is shed whole, and its last line, which says so, waits for room if it must.
class RequestSink final : public mirror::Sink, private mirror::ResponseIntake {
 public:
  /// Takes the socket over, the response head written. REQUIRES: loop, listener outlive the sink.
  RequestSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket, mirror::SinkListener& listener,
              std::unique_ptr<RequestFormat> format, StreamOptions options);

  Reason open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) override;
  /// Dropped if the format holds requests alone.
  Reason data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) override;
  Reason judgeRequest(const mirror::RequestInfo& request) override;
  Reason beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) override;
  bool wantsContent() const override { return true; }
  Reason requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override;
  void endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) override;
  void cancelRequest(mirror::RequestId id, Reason reason) override;
  void close(mirror::ConnectionHandle handle, Reason reason, bool reset) override;
  TimePoint flush(TimePoint now) override;
  void finish(const std::function<std::string()>& report) override;
  bool done() const override { return closed_ || (buffer_.gone() && goneTold_); }
  std::string_view trouble() const override { return {}; }
  bool carriesRaw() const override { return format_->carriesRaw(); }
  mirror::ResponseIntake* responses() override { return this; }

 private:
  struct Collected {
    std::unique_ptr<RequestText> text;  // Null: left out already.
    std::size_t charge = 0;             // What it takes of collecting_.
  };
  struct Slot {
    std::uint64_t number = 0;  // The connection's in the stream.
    mirror::ConnectionInfo info;
    std::map<std::uint32_t, Collected> requests;  // Those that are coming in, by number.
    std::uint64_t end = 0;                        // Of its last request in the stream.
    bool open = false;
    bool raw = false;  // Its `open` line is written.
  };
  /// The last line of a connection, for which there was no room. `handle`: its fate, if it is to be
  /// told once the line is written.
  struct Owed {
    std::string line;
    std::optional<mirror::ConnectionHandle> handle;
  };

  std::uint64_t numberOf(mirror::ConnectionHandle handle) const override {
    return slots_[handle].number;
  }
  Reason response(const mirror::ResponseInfo& info) override;
  /// False if there is no room.
  bool append(std::string_view text);
  void payOwed();

  void drop(Collected& request);
  void dropAll(Slot& slot);
  /// `waits`: bytes of it are on their way to the socket.
  void settles(const Fates::Fate& fate, bool waits);
  void progress();
  void settle();
  void settleRest(Reason whileOpen);

  mirror::SinkListener& listener_;
  const std::unique_ptr<RequestFormat> format_;
  const StreamOptions options_;
  StreamBuffer buffer_;
  Heartbeat heartbeat_;
  Fates fates_;
  mirror::Budget collecting_;
  std::vector<Slot> slots_;
  std::uint64_t lastNumber_ = 0;
  std::deque<Owed> owed_;
  std::string ending_;  // The last words, until there is room for them.
  bool finishing_ = false;
  bool closed_ = false;
  bool goneTold_ = false;
};

}  // namespace dormouse::sink
