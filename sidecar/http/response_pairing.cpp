#include "http/response_pairing.h"

#include <algorithm>
#include <utility>

namespace dormouse::http {

void ResponsePairing::begin(std::optional<std::uint64_t> number, Asked asked) {
  if (lost_ == Reason::kNone && pending_.size() == kMaxPending) lose(Reason::kOverBudget);
  if (lost_ != Reason::kNone) {
    if (number) listener_.onMissing(*number, lost_);
    return;
  }
  pending_.push_back({number, asked, std::nullopt});
  if (number) ++wanted_;
}

void ResponsePairing::requestEnded(WallTime at) {
  // Else its response has come already, or nothing is paired.
  if (!pending_.empty()) pending_.back().ended = at;
}

void ResponsePairing::feed(std::span<const std::uint8_t> bytes, WallTime at) {
  if (lost_ != Reason::kNone) return;
  at_ = at;
  if (!began_) began_ = at;
  parser_.feed(bytes, *this);
  if (!parser_.midResponse()) began_.reset();
  if (parser_.state() == ResponseParser::State::kMalformed) lose(Reason::kMalformed);
}

void ResponsePairing::end(Reason why) {
  if (lost_ != Reason::kNone) return;
  if (why == Reason::kNone) {
    parser_.end(*this);
    why = Reason::kUnanswered;
  }
  lose(why);
}

void ResponsePairing::restart() {
  lose(Reason::kGap);
  lost_ = Reason::kNone;
}

std::size_t ResponsePairing::held() const {
  constexpr std::size_t kDeque = 600;  // What one takes while it is short.
  return kDeque + parser_.held() + pending_.size() * sizeof(Pending) +
         (response_ ? response_->head.capacity() + response_->body.capacity() : 0);
}

void ResponsePairing::onHead(const ResponseHead& head) {
  const Pending& request = pending_.front();
  if (!request.number) return;
  PairedResponse& response = response_.emplace();
  response.request = *request.number;
  response.status = head.status;
  response.head.assign(reinterpret_cast<const char*>(head.bytes.data()), head.bytes.size());
  response.timestamp = began_.value_or(at_);
  if (request.ended) {
    response.latency = std::max(Nanos(0), Nanos(response.timestamp - *request.ended));
  }
}

void ResponsePairing::onContent(std::span<const std::uint8_t> content) {
  if (!response_) return;
  response_->bodyBytes += content.size();
  const std::size_t kept = std::min(content.size(), maxBody_ - response_->body.size());
  response_->body.append(reinterpret_cast<const char*>(content.data()), kept);
}

void ResponsePairing::onResponseEnd() {
  pending_.pop_front();
  began_ = at_;  // If more follows in these bytes, it is of the next response.
  if (!response_) return;
  --wanted_;
  listener_.onResponse(std::move(*std::exchange(response_, std::nullopt)));
}

void ResponsePairing::onHttp2(std::span<const std::uint8_t> bytes) {
  const Pending request = pending_.front();
  pending_.pop_front();
  if (request.number) --wanted_;
  upgrade_ = Upgrade{request.number, request.ended, {bytes.begin(), bytes.end()}};
}

void ResponsePairing::lose(Reason why) {
  lost_ = why;
  parser_ = {};  // Its memory goes.
  began_.reset();
  response_.reset();
  wanted_ = 0;
  for (const Pending& request : std::exchange(pending_, {})) {
    if (request.number) listener_.onMissing(*request.number, why);
  }
}

}  // namespace dormouse::http
