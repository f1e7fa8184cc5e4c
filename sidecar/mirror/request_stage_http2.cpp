// What RequestStage does with connections of HTTP/2.
#include <utility>

#include "mirror/request_stage.h"

namespace dormouse::mirror {

Reason RequestStage::changeToHttp2() {
  const std::vector<std::uint8_t> bytes = std::exchange(preface_, {});
  if (refusal_ != Reason::kNone) return refusal_;
  const bool upgraded = connections_[handle_].isHttp;
  if (connections_[handle_].inSink) {
    const ConnectionHandle next = owner_.split(handle_);
    connections_[next].leftOut = connections_[handle_].leftOut;
    end(handle_, *flow_, Reason::kNone);
    handle_ = next;
  }
  Connection& connection = connections_[handle_];
  connection.search.reset();
  connection.parser.reset();
  connection.isHttp = true;
  connection.http2 = std::make_unique<http::Http2Parser>(upgraded);
  return feedHttp2(bytes);
}

Reason RequestStage::feedHttp2(std::span<const std::uint8_t> bytes) {
  http::Http2Parser& parser = *connections_[handle_].http2;
  const bool good = parser.feed(bytes, *this);
  if (refusal_ != Reason::kNone) {
    settleUnfinished(handle_, refusal_);  // Of its bytes nothing more is counted.
    return refusal_;
  }
  if (good) return Reason::kNone;
  if (parser.unfinished() == 0) ledger_.requests.skip(Reason::kMalformed);
  return Reason::kMalformed;
}

void RequestStage::endHttp2(Connection& connection, Reason unfinished) {
  const std::unique_ptr<http::Http2Parser> parser = std::move(connection.http2);
  ledger_.requests.settle(unfinished, parser->unfinished());
  if (!parser->midHead()) return;
  ledger_.requests.skip(unfinished);
  connection.leftOut = unfinished;
}

bool RequestStage::onHead(std::uint32_t stream, const http::RequestHead& head) {
  const bool taken = offer(stream, head);
  if (taken && responses_ != nullptr) responses_->beginHttp2(*flow_, head, {handle_, stream});
  return taken;
}

void RequestStage::onBadHead(std::uint32_t) {
  if (refusal_ != Reason::kNone) return;
  connections_[handle_].leftOut = Reason::kMalformed;
  ledger_.requests.skip(Reason::kMalformed);
}

void RequestStage::onBody(std::uint32_t stream, std::span<const std::uint8_t> content) {
  if (refusal_ != Reason::kNone) return;
  refusal_ = sink_.requestBody({handle_, stream}, {}, content);
  if (refusal_ == Reason::kNone) {
    ledger_.bytes += content.size();
  } else {
    connections_[handle_].inSink = false;
  }
}

void RequestStage::onEnd(std::uint32_t stream, std::span<const http::HeaderField> trailers) {
  if (responses_ != nullptr) responses_->requestEndedHttp2(*flow_, stream);
  if (refusal_ == Reason::kNone) {
    sink_.endRequest({handle_, stream}, trailers);
  } else {
    ledger_.requests.settle(refusal_);  // It had begun before the bytes that were refused.
  }
}

void RequestStage::onCancel(std::uint32_t stream, Reason reason) {
  giveUpResponse(stream, reason);
  ledger_.requests.settle(reason);
  if (refusal_ == Reason::kNone) sink_.cancelRequest({handle_, stream}, reason);
}

void RequestStage::onForgone(std::uint32_t stream) {
  giveUpResponse(stream, Reason::kUnanswered);
  if (refusal_ != Reason::kNone || !connections_[handle_].inSink) return;
  sink_.cancelRequest({handle_, stream}, Reason::kMalformed);
}

void RequestStage::giveUpResponse(std::uint32_t stream, Reason reason) {
  if (responses_ == nullptr) return;
  // To a request that its client has broken off nothing is answered.
  if (reason == Reason::kMalformed) reason = Reason::kUnanswered;
  responses_->giveUpHttp2(*flow_, stream, reason);
}

}  // namespace dormouse::mirror
