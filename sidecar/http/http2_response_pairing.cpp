#include "http/http2_response_pairing.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "http/response_text.h"

namespace dormouse::http {

void Http2ResponsePairing::begin(std::uint32_t stream, Asked asked) {
  if (lost_ != Reason::kNone) return listener_.onMissing(stream, lost_);
  if (pending_.size() == kMaxPending) return listener_.onMissing(stream, Reason::kOverBudget);
  pending_[stream].asked = asked;
}

void Http2ResponsePairing::requestEnded(std::uint32_t stream, WallTime at) {
  const auto request = pending_.find(stream);
  if (request != pending_.end()) request->second.ended = at;
}

void Http2ResponsePairing::giveUp(std::uint32_t stream, Reason why) {
  const auto request = pending_.find(stream);
  if (request != pending_.end()) giveUp(request, why);
}

void Http2ResponsePairing::feed(std::span<const std::uint8_t> bytes, WallTime at) {
  if (lost_ != Reason::kNone) return;
  at_ = at;
  if (reader_->feed(bytes, *this)) return;
  fault_ = reader_->fault();
  lose(Reason::kMalformed);
}

void Http2ResponsePairing::end(Reason why) {
  if (lost_ == Reason::kNone) lose(why == Reason::kNone ? Reason::kUnanswered : why);
}

void Http2ResponsePairing::shed(Reason why) {
  for (auto next = pending_.begin(); next != pending_.end();) {
    const auto request = next++;
    if (request->second.answered) giveUp(request, why);
  }
}

std::size_t Http2ResponsePairing::held() const {
  constexpr std::size_t kNode = 48;  // Of the map.
  return (reader_ ? reader_->memory() : 0) + content_ + pending_.size() * (sizeof(Pending) + kNode);
}

std::string_view Http2ResponsePairing::onFrame(const Http2Frame& frame) {
  const bool headers = frame.is(Http2Type::kHeaders);
  const bool reset = frame.is(Http2Type::kReset);
  const bool ofStream =
      headers || reset || frame.is(Http2Type::kData) || frame.is(Http2Type::kPushPromise);
  if (ofStream && frame.stream == 0) return "a frame of a stream on stream 0";
  const auto request = headers || reset ? pending_.find(frame.stream) : pending_.end();
  if (request == pending_.end()) return {};
  if (reset) {
    giveUp(request, Reason::kUnanswered);
  } else if (!request->second.answered) {
    request->second.began = at_;
  }
  return {};
}

void Http2ResponsePairing::onBlock(const Http2Frame& first, const HeaderList& list) {
  if (first.is(Http2Type::kPushPromise)) return;  // What the server would be asked.
  const auto request = pending_.find(first.stream);
  if (request == pending_.end()) return;
  const bool whole = first.has(kHttp2EndStream);
  if (!request->second.answered) return onHead(request, list, whole);
  if (!whole) return giveUp(request, Reason::kMalformed);
  onTrailers(request, list);
}

void Http2ResponsePairing::onHead(Requests::iterator request, const HeaderList& list, bool whole) {
  std::vector<HeaderField> fields;
  ResponseHead head;
  const bool good = readResponseHead(list, fields, head).empty();
  if (!good || (head.interim() && whole)) return giveUp(request, Reason::kMalformed);
  if (head.interim()) return;
  Pending& pending = request->second;
  PairedResponse& response = pending.response;
  pending.answered = true;
  pending.length = head.length;
  response.request = request->first;
  response.status = head.status;
  response.head = http2StatusLine(head.status);
  appendFieldLines(response.head, fields);
  response.timestamp = pending.began;
  if (pending.ended) {
    response.latency = std::max(Nanos(0), Nanos(pending.began - *pending.ended));
  }
  charge(pending);
  const bool tunnel = pending.asked == Asked::kConnect && head.status / 100 == 2;
  if (tunnel) pending.length.reset();
  if (whole || tunnel) finish(request);
}

void Http2ResponsePairing::onTrailers(Requests::iterator request, const HeaderList& list) {
  if (!areTrailers(list)) return giveUp(request, Reason::kMalformed);
  if (!list.fields.empty()) appendFieldLines(request->second.response.head, list.fields);
  charge(request->second);
  finish(request);
}

void Http2ResponsePairing::onContent(const Http2Frame& frame, std::uint32_t,
                                     std::span<const std::uint8_t> content) {
  const auto request = pending_.find(frame.stream);
  if (request == pending_.end()) return;
  if (!request->second.answered) return giveUp(request, Reason::kMalformed);
  PairedResponse& response = request->second.response;
  response.bodyBytes += content.size();
  const std::size_t kept = std::min(content.size(), maxBody_ - response.body.size());
  response.body.append(reinterpret_cast<const char*>(content.data()), kept);
  charge(request->second);
}

void Http2ResponsePairing::onContentEnd(const Http2Frame& frame) {
  const auto request = pending_.find(frame.stream);
  if (request == pending_.end()) return;
  if (!request->second.answered) return giveUp(request, Reason::kMalformed);
  finish(request);
}

void Http2ResponsePairing::finish(Requests::iterator request) {
  const Pending& pending = request->second;
  // RFC 9113, 8.1.1: of these the length is that of a content which is not there.
  const bool bodiless = pending.asked == Asked::kHead || pending.response.status == 304;
  if (pending.length && !bodiless && *pending.length != pending.response.bodyBytes) {
    return giveUp(request, Reason::kMalformed);
  }
  PairedResponse response = std::move(request->second.response);
  content_ -= pending.charge;
  pending_.erase(request);
  listener_.onResponse(std::move(response));
}

void Http2ResponsePairing::giveUp(Requests::iterator request, Reason why) {
  const std::uint32_t stream = request->first;
  content_ -= request->second.charge;
  pending_.erase(request);
  listener_.onMissing(stream, why);
}

void Http2ResponsePairing::charge(Pending& request) {
  content_ -= request.charge;
  request.charge = request.response.head.capacity() + request.response.body.capacity();
  content_ += request.charge;
}

void Http2ResponsePairing::lose(Reason why) {
  lost_ = why;
  reader_.reset();  // Its memory goes.
  content_ = 0;
  for (const auto& [stream, request] : std::exchange(pending_, {})) {
    listener_.onMissing(stream, why);
  }
}

}  // namespace dormouse::http
