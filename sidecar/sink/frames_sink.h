// The stream format `frames`: connections as records in one response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mirror/sink.h"
#include "sink/fates.h"
#include "sink/heartbeat.h"
#include "sink/request_reserve.h"
#include "sink/stream_buffer.h"
#include "wire/frames.h"

namespace dormouse::sink {

struct StreamOptions {
  std::size_t budget = 4 << 20;               // Bytes of memory for what the reader is behind.
  Nanos heartbeat = std::chrono::seconds(5);  // Silence after which a heartbeat is sent.
  bool responses = false;                     // Those of requests will come.
};

/// See Sink for owner and thread; handles index a vector, so they should be small numbers.
///
/// A connection is delivered once the socket has taken its close record, and a request its last
/// byte. One that does not fit the budget is shed whole: nothing more of it is sent but its close
/// record, which names the reason and waits for room if it must. A reader that goes away leaves all
/// others as kSinkClosed.
class FramesSink final : public mirror::Sink, private mirror::ResponseIntake {
 public:
  /// Takes the socket over, the response head written. REQUIRES: loop, listener outlive the sink.
  FramesSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket, mirror::SinkListener& listener,
             StreamOptions options);

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
  void finish(const std::function<std::string()>& report) override;
  bool done() const override { return closed_ || (buffer_.gone() && goneTold_); }
  std::string_view trouble() const override { return {}; }
  mirror::ResponseIntake* responses() override { return this; }

 private:
  struct Slot {
    std::uint64_t stream = 0;  // The connection's number in the stream.
    bool open = false;
    std::uint32_t begun = 0;  // Requests of HTTP/1.
    bool http2 = false;
    std::set<std::uint32_t> shed;  // Its requests of which nothing more is sent.
  };
  /// The connection's number in the stream, and the request's in the connection.
  using RequestName = std::pair<std::uint64_t, std::uint32_t>;
  static constexpr std::size_t kMostAwaited = 16384;  // About 1 MiB.
  static constexpr std::size_t kMostEarly = 1024;
  /// A close record, or a request's kCancel, for which there was no room. `handle`: to be delivered
  /// thereby, if at all.
  struct Owed {
    wire::CloseFrame frame;
    std::optional<mirror::ConnectionHandle> handle;
    std::uint32_t request = 0;  // 0: none, the connection is closed.
  };

  std::uint64_t numberOf(mirror::ConnectionHandle handle) const override {
    return slots_[handle].stream;
  }
  Reason response(const mirror::ResponseInfo& info) override;
  /// A request has begun, whose response is to name its place; of HTTP/2 that is its number.
  void awaitResponse(mirror::RequestId id);
  void appendResponse(const mirror::ResponseInfo& info, std::uint32_t position,
                      std::vector<std::uint8_t>& out);

  void sendClose(const Owed& owed);
  bool appendClose(const Owed& owed);
  /// Sends a part of an HTTP/2 request, or sheds the request if there is no room: false.
  bool sendPart(mirror::RequestId id, wire::RequestFrame frame);
  void shed(mirror::RequestId id, Reason reason, bool begun);
  /// Appends what waited for room, writes, and tells the listener what has become known.
  void progress();
  void settle();
  void settleRest(Reason whileOpen);

  mirror::SinkListener& listener_;
  const StreamOptions options_;
  StreamBuffer buffer_;
  Heartbeat heartbeat_;
  Fates fates_;
  RequestReserve reserve_;
  std::vector<Slot> slots_;
  /// Where in its connection each request stands whose response will come, at most kMostAwaited.
  std::map<RequestName, std::uint32_t> positions_;
  std::set<RequestName> early_;  // Answered before they began here: an editor held them.
  std::uint64_t lastStream_ = 0;
  std::deque<Owed> owed_;
  std::string ledger_;  // The last record, until sent.
  bool finishing_ = false;
  bool closed_ = false;
  bool goneTold_ = false;
};

}  // namespace dormouse::sink
