// Between a mirror's flows and its sink, where HTTP requests matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "http/entry_search.h"
#include "http/http1_parser.h"
#include "http/http2_parser.h"
#include "mirror/budget.h"
#include "mirror/request_gate.h"
#include "mirror/response_stage.h"
#include "mirror/sink.h"
#include "reassembly/flow.h"
#include "wire/ledger.h"

namespace dormouse::mirror {

/// What the stage needs of its mirror.
class FlowOwner {
 public:
  virtual ~FlowOwner() = default;
  /// The flow of this connection goes on as another connection, whose handle is returned; for the
  /// sink this one has come to its own end. REQUIRES: the sink has this one.
  virtual ConnectionHandle split(ConnectionHandle handle) = 0;
};

/// Follows the connections that it is given, request by request. In a mirror of requests these are
/// all, and the sink is handed the selected requests alone: a connection is opened there with its
/// first one. One without requests is left out as kFiltered, unless nothing was to be selected and
/// the sink takes it as it is. In any other mirror they are those of HTTP/2, of which the sink is
/// handed all requests; and those that were open before it: they go to the sink from their first
/// request on, as they are.
///
/// A connection that goes from HTTP/1 to HTTP/2 (a request may ask for it) is two for the sink: the
/// asking request goes to the first, without the question, so that its receiver stays with HTTP/1.
///
/// Keeps Ledger::requests and counts Ledger::bytes. Owned by its mirror; data thread only. What it
/// remembers of unfinished heads, and for HTTP/2, is bounded by kMemory each, all connections
/// together. Of HTTP/1 nothing is remembered between two requests, and after a connection's end of
/// neither.
class RequestStage final : private http::RequestListener, private http::Http2Listener {
 public:
  /// For HTTP/1 and HTTP/2 each, so that neither takes the other's.
  static constexpr std::size_t kMemory = 1 << 20;

  enum class Kind : std::uint8_t {
    kUnknown,     // The bytes will tell.
    kHttp2,       // It begins with the preface of HTTP/2.
    kJoinedLate,  // It was open before the mirror: to be entered at a request.
    kBehindGap,   // Bytes are missing in front of it: the same.
  };

  /// Throws http::PatternError. REQUIRES: all but spec outlive the stage.
  RequestStage(const wire::MirrorSpec& spec, http::HeadStart& headStart, FlowOwner& owner,
               Sink& sink, wire::Ledger& ledger);

  /// Tells it of every request. To be called before anything else; REQUIRES: it outlives the stage.
  void follow(ResponseStage& responses) { responses_ = &responses; }

  bool ofRequests() const { return ofRequests_; }

  void add(ConnectionHandle handle, Kind kind = Kind::kUnknown);
  void remove(ConnectionHandle handle);

  /// The next bytes. kNone: go on. Else the connection is over for that reason: inSink() tells
  /// whether the sink still has to be told.
  Reason feed(ConnectionHandle handle, const reassembly::FlowView& flow,
              std::span<const std::uint8_t> bytes, TimePoint now, Nanos sinceWake);
  /// The connection has ended, for that reason or by itself (kNone). From now on nothing of it is
  /// remembered: the sink tells the fates of its requests whatever becomes of it. Returns its fate,
  /// or if inSink() the reason that the sink is to close it for: the fate is the sink's to tell.
  Reason end(ConnectionHandle handle, const reassembly::FlowView& flow, Reason reason);
  bool inSink(ConnectionHandle handle) const { return connections_[handle].inSink; }

  /// Connections open before the mirror whose entry is not found yet.
  std::size_t waiting() const;
  /// Whether the entry into this one is not found yet.
  bool searches(ConnectionHandle handle) const { return connections_[handle].search != nullptr; }
  /// Whether a request of HTTP/1 may still come after what is lost of it.
  bool mayRejoin(ConnectionHandle handle) const {
    return !connections_[handle].http2 && !connections_[handle].tunnel;
  }

  /// The sink knows the fate of a request.
  void onRequestSettled(Reason fate) { ledger_.requests.settle(fate); }
  /// The connection is over for that reason, and with it a request that has begun and not ended.
  void settleUnfinished(ConnectionHandle handle, Reason fate);

 private:
  struct Connection {
    std::unique_ptr<http::EntrySearch> search;  // Until the entry into an open connection is found.
    std::unique_ptr<http::Http1Parser> parser;  // Null between two requests.
    std::unique_ptr<http::Http2Parser> http2;   // Once it is HTTP/2.
    std::size_t charge = 0;                     // What they take of memory_,
    std::size_t http2Charge = 0;                // and of http2Memory_.
    std::uint32_t number = 0;                   // Of its latest request.
    bool answered = false;  // Since its latest head, a segment acknowledged more than before.
    Reason leftOut = Reason::kNone;   // Why its last request was not taken, if any was not.
    Reason unjoined = Reason::kNone;  // Why it is left out if no entry is found.
    bool isHttp = false;              // A request has come.
    bool inRequest = false;           // One has begun and not ended.
    bool taking = false;  // That one goes to the sink; or the tunnel that it has opened.
    bool tunnel = false;  // Whatever comes now is no HTTP/1.
    bool raw = false;     // It never was, and goes to the sink.
    bool inSink = false;
  };

  void onHead(const http::RequestHead& head) override;
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override;
  void onRequestEnd() override;
  void onOther(std::span<const std::uint8_t> bytes) override;
  /// Opens a connection without requests in the sink.
  void passRaw(Connection& connection, std::span<const std::uint8_t> bytes);
  // Of HTTP/2, in request_stage_http2.cpp.
  bool onHead(std::uint32_t stream, const http::RequestHead& head) override;
  void onBadHead(std::uint32_t stream) override;
  void onBody(std::uint32_t stream, std::span<const std::uint8_t> content) override;
  void onEnd(std::uint32_t stream, std::span<const http::HeaderField> trailers) override;
  void onCancel(std::uint32_t stream, Reason reason) override;
  void onForgone(std::uint32_t stream) override;
  /// No response of that stream is waited for any more.
  void giveUpResponse(std::uint32_t stream, Reason reason);
  /// The connection goes on in HTTP/2 with what onOther() has brought.
  Reason changeToHttp2();
  Reason feedHttp2(std::span<const std::uint8_t> bytes);
  void endHttp2(Connection& connection, Reason unfinished);

  Reason feedRequests(Connection& connection, std::span<const std::uint8_t> bytes, Nanos sinceWake);
  Reason feedOpen(Connection& connection, std::span<const std::uint8_t> bytes, Nanos sinceWake);
  Reason openInSink();
  /// A request has begun: has it judged, and handed to the sink if it is selected.
  bool offer(std::uint32_t number, const http::RequestHead& head);
  bool offerHttp1(const http::RequestHead& head);
  /// Its response is to be looked for, if responses are wanted.
  void followResponse(Connection& connection, bool taken, const http::RequestHead& head);
  /// The first head of a connection that goes to the sink as it is.
  void enter(const http::RequestHead& head);
  void passBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content);
  /// Hands on what onBody() has collected, if anything.
  void passCollected();
  Reason pass(std::span<const std::uint8_t> bytes);
  /// Bytes of a tunnel.
  Reason passOther(std::span<const std::uint8_t> bytes);
  /// Makes the charge what the connection takes now. False if that is more than there is.
  bool recharge(Connection& connection);

  FlowOwner& owner_;
  const wire::Protocol protocol_;
  const bool ofRequests_;
  const bool redacted_;    // Nothing leaves but requests.
  const bool carriesRaw_;  // Connections without requests go to the sink as they are.
  Sink& sink_;
  wire::Ledger& ledger_;
  RequestGate gate_;
  ResponseStage* responses_ = nullptr;
  Budget memory_{kMemory};
  Budget http2Memory_{kMemory};
  std::vector<Connection> connections_;  // By handle.

  // During feed().
  ConnectionHandle handle_ = 0;
  const reassembly::FlowView* flow_ = nullptr;
  TimePoint now_;
  Reason refusal_ = Reason::kNone;
  std::size_t entry_ = 0;               // Bytes of the head that enter() has passed.
  std::span<const std::uint8_t> body_;  // Collected for a sink that does not want the content.
  std::vector<std::uint8_t> preface_;   // The first bytes of HTTP/2, behind some of HTTP/1.
};

}  // namespace dormouse::mirror
