#include "mirror/response_exchange.h"

#include <utility>

#include "http/http2_upgrade.h"

namespace dormouse::mirror {
namespace {

constexpr std::size_t kMaxPath = 1024;  // Of a request's path, what its response repeats.
constexpr std::size_t kMaxMethod = 32;

http::Asked askedBy(const http::RequestHead& head) {
  if (head.connect) return http::Asked::kConnect;
  if (!head.isHttp2() && http::asksForHttp2(head)) return http::Asked::kHttp2;
  return head.method == "HEAD" ? http::Asked::kHead : http::Asked::kUsual;
}

}  // namespace

ResponseExchange::ResponseExchange(bool http2, ResponseIntake& sink, wire::Account& account)
    : sink_(sink), account_(account) {
  PairingListener& listener = *this;
  if (http2) {
    http2_ = std::make_unique<http::Http2ResponsePairing>(kMaxBody, listener);
  } else {
    pairing_ = std::make_unique<http::ResponsePairing>(kMaxBody, listener);
  }
}

void ResponseExchange::remember(std::uint64_t key, const http::RequestHead& head,
                                TakenRequest taken) {
  const Waiting& request =
      waiting_[key] = {sink_.numberOf(taken.connection), taken.number,
                       std::string(head.method.substr(0, kMaxMethod)),
                       std::string(http::pathOf(head.target).substr(0, kMaxPath))};
  text_ += request.method.size() + request.path.size();
}

void ResponseExchange::begin(const http::RequestHead& head,
                             const std::optional<TakenRequest>& taken) {
  std::optional<std::uint64_t> number;
  if (taken) {
    number = taken->number;
    remember(*number, head, *taken);
  }
  if (!http2_) return pairing_->begin(number, askedBy(head));
  if (number) onMissing(*number, Reason::kMalformed);  // The server speaks HTTP/2, the client not.
}

void ResponseExchange::beginHttp2(const http::RequestHead& head, TakenRequest taken) {
  remember(taken.number, head, taken);
  if (http2_) return http2_->begin(taken.number, askedBy(head));
  // The client goes on in HTTP/2, and the server's 101 was not seen.
  pairing_->end(Reason::kGap);
  onMissing(taken.number, pairing_->lost());
}

void ResponseExchange::requestEnded(WallTime at) {
  if (!http2_) pairing_->requestEnded(at);
}

void ResponseExchange::requestEnded(std::uint32_t stream, WallTime at) {
  if (http2_) http2_->requestEnded(stream, at);
}

void ResponseExchange::giveUp(std::uint32_t stream, Reason why) {
  if (http2_) http2_->giveUp(stream, why);
}

void ResponseExchange::feed(std::span<const std::uint8_t> bytes, WallTime at) {
  if (http2_) return http2_->feed(bytes, at);
  pairing_->feed(bytes, at);
  upgrade(at);
}

void ResponseExchange::upgrade(WallTime at) {
  const auto upgrade = pairing_->takeUpgrade();
  if (!upgrade) return;
  pairing_->end(Reason::kMalformed);  // What was asked behind the question.
  pairing_.reset();
  http2_ =
      std::make_unique<http::Http2ResponsePairing>(kMaxBody, static_cast<PairingListener&>(*this));
  if (upgrade->number) {
    auto request = waiting_.extract(*upgrade->number);
    request.key() = 1;
    waiting_.insert(std::move(request));
    http2_->begin(1, http::Asked::kUsual);
    if (upgrade->ended) http2_->requestEnded(1, *upgrade->ended);
  }
  http2_->feed(upgrade->rest, at);
}

void ResponseExchange::end(Reason why) {
  if (http2_) return http2_->end(why);
  pairing_->end(why);
}

void ResponseExchange::shed() {
  if (http2_) return http2_->shed(Reason::kOverBudget);
  pairing_->end(Reason::kOverBudget);
}

void ResponseExchange::restart() {
  // Whether it may be: else bytes of the connection will not come, or nobody wants them.
  const Reason why = lost();
  const bool forGood = why == Reason::kUnanswered || why == Reason::kMirrorEnded;
  if (!http2_ && why != Reason::kNone && !forGood) pairing_->restart();
}

std::size_t ResponseExchange::held() const {
  constexpr std::size_t kNode = 48;      // Of a map.
  constexpr std::size_t kOfStage = 176;  // Its own node there, with the connection's both ends.
  const std::size_t pairing =
      http2_ ? sizeof(*http2_) + http2_->held() : sizeof(*pairing_) + pairing_->held();
  return sizeof(ResponseExchange) + kOfStage + pairing + text_ +
         waiting_.size() * (sizeof(Waiting) + kNode);
}

void ResponseExchange::onResponse(http::PairedResponse&& response) {
  hand(response.request, &response, Reason::kNone);
}

void ResponseExchange::onMissing(std::uint64_t request, Reason why) {
  hand(request, nullptr, why);
}

void ResponseExchange::hand(std::uint64_t request, const http::PairedResponse* response,
                            Reason missing) {
  const auto found = waiting_.find(request);
  const Waiting one = std::move(found->second);
  waiting_.erase(found);
  text_ -= one.method.size() + one.path.size();
  const Reason refused =
      sink_.response({one.connection, one.number, one.method, one.path, response, missing});
  if (missing != Reason::kNone) {
    account_.settle(missing);
  } else if (refused != Reason::kNone) {
    account_.settle(refused);
  }
}

}  // namespace dormouse::mirror
