// One connection with requests that wait for their responses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/http2_response_pairing.h"
#include "http/request_head.h"
#include "http/response_pairing.h"
#include "mirror/sink.h"
#include "reassembly/flow.h"
#include "wire/ledger.h"

namespace dormouse::mirror {

/// A request that the sink has taken: see ResponseInfo.
struct TakenRequest {
  ConnectionHandle connection = 0;
  std::uint32_t number = 0;
};

/// Hands each response to the sink, with what it needs of its request, and keeps the account of
/// those that are missing. A connection of HTTP/1 may go on in HTTP/2, as a request has asked;
/// stream 1 then answers that. Owned by ResponseStage; data thread only.
class ResponseExchange final : private http::PairingListener {
 public:
  /// Of a response's content, what is kept.
  static constexpr std::size_t kMaxBody = 256 << 10;

  /// REQUIRES: sink and account outlive the exchange.
  ResponseExchange(bool http2, ResponseIntake& sink, wire::Account& account);

  /// The flow of the client's direction; nothing while it is not known.
  std::optional<reassembly::FlowId> flow;
  std::optional<TimePoint> overSince;  // No request follows.
  std::size_t charge = 0;              // What it takes of the stage's memory.

  bool isHttp2() const { return http2_ != nullptr; }

  /// A request of HTTP/1. `taken`: nothing if it was left out.
  void begin(const http::RequestHead& head, const std::optional<TakenRequest>& taken);
  /// One of HTTP/2 that the sink has taken; its number is its stream's.
  void beginHttp2(const http::RequestHead& head, TakenRequest taken);
  /// The last request begun is whole; in HTTP/2 that of this stream.
  void requestEnded(WallTime at);
  void requestEnded(std::uint32_t stream, WallTime at);
  /// Nobody waits for the response of that stream, or it will not come.
  void giveUp(std::uint32_t stream, Reason why);
  /// The pod's next bytes.
  void feed(std::span<const std::uint8_t> bytes, WallTime at);
  /// As the pairings' end().
  void end(Reason why);
  /// Makes do with less memory: what is coming in is lost, in HTTP/1 with all that follows.
  void shed();
  /// After responses of HTTP/1 were lost: the next bytes begin that to the next request.
  void restart();

  Reason lost() const { return http2_ ? http2_->lost() : pairing_->lost(); }
  bool waits() const { return http2_ ? http2_->waits() : pairing_->waits(); }
  /// It can be forgotten, and followed again from the next request on. Never in HTTP/2.
  bool idle() const { return !http2_ && pairing_->idle(); }
  /// Bytes of memory, roughly.
  std::size_t held() const;

 private:
  /// Of a request, what its response repeats.
  struct Waiting {
    std::uint64_t connection;
    std::uint32_t number;
    std::string method;
    std::string path;
  };
  using Requests = std::map<std::uint64_t, Waiting>;

  void onResponse(http::PairedResponse&& response) override;
  void onMissing(std::uint64_t request, Reason why) override;

  void remember(std::uint64_t key, const http::RequestHead& head, TakenRequest taken);
  /// Goes on in HTTP/2, if a 101 has come that says so.
  void upgrade(WallTime at);
  void hand(std::uint64_t request, const http::PairedResponse* response, Reason missing);

  ResponseIntake& sink_;
  wire::Account& account_;
  std::unique_ptr<http::ResponsePairing> pairing_;     // One of these.
  std::unique_ptr<http::Http2ResponsePairing> http2_;  //
  Requests waiting_;                                   // By what the pairing calls them.
  std::size_t text_ = 0;                               // Bytes of their methods and paths.
};

}  // namespace dormouse::mirror
