// Between a mirror's flows and its sink, where HTTP requests matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "http/entry_search.h"
#include "http/http1_parser.h"
#include "mirror/budget.h"
#include "mirror/request_gate.h"
#include "mirror/sink.h"
#include "reassembly/flow.h"
#include "wire/ledger.h"

namespace dormouse::mirror {

/// Follows the connections that it is given, request by request. In a mirror of requests these are
/// all, and the sink is handed the selected requests alone: a connection is opened there with its
/// first one. In any other mirror they are those that were open before it: they go to the sink from
/// their first request on, as they are.
///
/// Keeps Ledger::requests and counts Ledger::bytes. Owned by its mirror; data thread only. What it
/// remembers of unfinished heads is bounded by kMemory, all connections together; between two
/// requests, and after a connection's end, nothing is remembered.
class RequestStage final : private http::RequestListener {
 public:
  static constexpr std::size_t kMemory = 1 << 20;

  /// Throws http::PatternError. REQUIRES: sink and ledger outlive the stage.
  RequestStage(const wire::MirrorSpec& spec, Sink& sink, wire::Ledger& ledger);

  bool ofRequests() const { return ofRequests_; }

  void add(ConnectionHandle handle, bool fromStart);
  void remove(ConnectionHandle handle);

  /// The next bytes. kNone: go on. Else the connection is over for that reason: inSink() tells
  /// whether the sink still has to be told.
  Reason feed(ConnectionHandle handle, const reassembly::FlowView& flow,
              std::span<const std::uint8_t> bytes, TimePoint now, Nanos sinceWake);
  /// The connection has ended, for that reason or by itself (kNone). From now on nothing of it is
  /// remembered: the sink tells the fates of its requests whatever becomes of it. Returns its fate,
  /// or if inSink() the reason that the sink is to close it for: the fate is the sink's to tell.
  Reason end(ConnectionHandle handle, Reason reason);
  bool inSink(ConnectionHandle handle) const { return connections_[handle].inSink; }

  /// Connections whose entry is not found yet.
  std::size_t waiting() const;

  /// The sink knows the fate of a request.
  void onRequestSettled(Reason fate) { ledger_.requests.settle(fate); }
  /// The connection is over for that reason, and with it a request that has begun and not ended.
  void settleUnfinished(ConnectionHandle handle, Reason fate);

 private:
  struct Connection {
    std::unique_ptr<http::EntrySearch> search;  // Until the entry into an open connection is found.
    std::unique_ptr<http::Http1Parser> parser;  // Null between two requests.
    std::size_t charge = 0;                     // What both take of memory_.
    std::uint32_t number = 0;                   // Of its latest request.
    Reason leftOut = Reason::kNone;  // Why its last request was not taken, if any was not.
    bool fromStart = true;
    bool isHttp = false;     // A request has come.
    bool inRequest = false;  // One has begun and not ended.
    bool taking = false;     // That one goes to the sink; or the tunnel that it has opened.
    bool tunnel = false;     // Whatever comes now is no HTTP/1.
    bool inSink = false;
  };

  void onHead(const http::RequestHead& head) override;
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override;
  void onRequestEnd() override;
  void onOther(std::span<const std::uint8_t> bytes) override;

  Reason feedRequests(Connection& connection, std::span<const std::uint8_t> bytes, Nanos sinceWake);
  Reason feedOpen(Connection& connection, std::span<const std::uint8_t> bytes, Nanos sinceWake);
  Reason openInSink();
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

  const wire::Protocol protocol_;
  const bool ofRequests_;
  const bool redacted_;  // Nothing leaves but requests.
  Sink& sink_;
  wire::Ledger& ledger_;
  RequestGate gate_;
  Budget memory_{kMemory};
  std::vector<Connection> connections_;  // By handle.

  // During feed().
  ConnectionHandle handle_ = 0;
  const reassembly::FlowView* flow_ = nullptr;
  TimePoint now_;
  Reason refusal_ = Reason::kNone;
  std::size_t entry_ = 0;               // Bytes of the head that enter() has passed.
  std::span<const std::uint8_t> body_;  // Collected for a sink that does not want the content.
};

}  // namespace dormouse::mirror
