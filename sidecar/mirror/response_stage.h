// Between the pod's own direction and the sink: finds what was answered to each request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>

#include "common/ip.h"
#include "http/request_head.h"
#include "mirror/budget.h"
#include "mirror/response_exchange.h"
#include "mirror/selection.h"
#include "mirror/sink.h"
#include "reassembly/flow_listener.h"
#include "wire/ledger.h"

namespace dormouse::mirror {

/// Owned by its mirror; data thread only. Its events are those of the pod's direction, whose flows
/// have the pod as their client; RequestStage tells it of the requests.
///
/// What becomes of a response never changes what becomes of its request: it has an account of its
/// own, in which every request that the sink has taken is seen once.
///
/// A connection of HTTP/1 is followed only while a request waits for its response, so that idle
/// ones cost nothing. Where that begins, at the connection's first request or at one that
/// acknowledges more than those before it, every response to an earlier request has passed: for a
/// client that does not pipeline. The same holds where following begins anew, after a response that
/// was lost.
///
/// One of HTTP/2 is followed from the pod's first byte on, which may come before the client's: it
/// is known by its first byte, that of a SETTINGS frame. What is lost there is lost for the rest of
/// the connection.
class ResponseStage final : public reassembly::FlowListener {
 public:
  /// What all responses that are coming in may take, with their connections.
  static constexpr std::size_t kMemory = 8 << 20;

  /// REQUIRES: all outlive the stage.
  ResponseStage(const Selection& selection, ResponseIntake& sink, wire::Account& account);
  ~ResponseStage() override;

  using Taken = TakenRequest;
  /// A request of HTTP/1 has begun on this flow (that of the client's direction), whose response is
  /// lost if its head is overdue. `taken`: nothing
  /// if it was left out. `fresh`: it is the connection's first, or its segments acknowledge more
  /// than those before it.
  void begin(const reassembly::FlowView& flow, const http::RequestHead& head,
             const std::optional<Taken>& taken, bool fresh);
  /// Every byte of it has come.
  void requestEnded(const reassembly::FlowView& flow);
  /// The same of HTTP/2, for requests that were taken; their numbers are their streams'.
  void beginHttp2(const reassembly::FlowView& flow, const http::RequestHead& head, Taken taken);
  void requestEndedHttp2(const reassembly::FlowView& flow, std::uint32_t stream);
  /// The client has reset the stream, or its request was given up. Nothing happens if its response
  /// is not waited for.
  void giveUpHttp2(const reassembly::FlowView& flow, std::uint32_t stream, Reason why);
  /// No request follows on this flow; what its end was for. `reset`: no response either.
  void requestsOver(const reassembly::FlowView& flow, Reason reason, bool reset, TimePoint now);
  /// Gives up responses that have not come for five minutes after that. Returns when to be called
  /// again at the latest; TimePoint::max() if nothing waits.
  TimePoint expire(TimePoint now);

  /// The mirror is over: what is waited for is missing.
  void finish();

  Reason onAppear(const reassembly::FlowKey& key, bool joinedLate) override;
  Reason onData(const reassembly::FlowView& flow, std::span<const std::uint8_t> bytes) override;
  reassembly::AfterGap onGap(const reassembly::FlowView&) override {
    return reassembly::AfterGap::kNothing;
  }
  void onEnd(const reassembly::FlowView& flow, Reason reason, bool reset) override;

 private:
  /// The client's end, the pod's end, the interface: the same in both directions.
  using Tuple = std::tuple<Endpoint, Endpoint, std::uint32_t>;
  // A tree, since whoever chooses addresses and ports could make a hash table slow.
  using Exchanges = std::map<Tuple, std::unique_ptr<ResponseExchange>>;

  static Tuple tupleOf(const reassembly::FlowKey& key, bool fromPod);
  /// The exchange of a flow in the client's direction.
  Exchanges::iterator find(const reassembly::FlowView& flow);
  /// The same; a new one if there is none, or one of another connection.
  Exchanges::iterator findOrBegin(const reassembly::FlowView& flow, bool http2, bool& isNew);
  /// Accounts for its memory; forgets it if nothing is waited for.
  void tidy(Exchanges::iterator exchange);

  const Selection& selection_;
  ResponseIntake& sink_;
  wire::Account& account_;
  Budget memory_{kMemory};
  Exchanges exchanges_;
  TimePoint nextSweep_;
  bool starved_ = false;  // There was no memory even to remember a connection as lost.
};

}  // namespace dormouse::mirror
