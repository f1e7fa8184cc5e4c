#include "http/response_parser.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "http/head_parser.h"

namespace dormouse::http {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kUsualResponseFields = 16;
constexpr std::size_t kStatusLine = sizeof("HTTP/1.1 200") - 1;

/// RFC 9112, 4 wants a space before the phrase even if there is none; not every server sends it.
bool lacksSpace(Bytes head) {
  return head.size() > kStatusLine && head[kStatusLine] == '\r';
}

}  // namespace

ResponseParser::State ResponseParser::feed(Bytes bytes, ResponseListener& listener) {
  while (!bytes.empty() && state_ == State::kHttp) {
    if (body_ == Body::kNone) {
      takeHead(bytes, listener);
    } else {
      takeBody(bytes, listener);
    }
    if (state_ == State::kHttp2) listener.onHttp2(bytes);
  }
  return state_;
}

void ResponseParser::end(ResponseListener& listener) {
  if (state_ == State::kHttp && body_ == Body::kUntilEnd) endResponse(listener);
  if (state_ != State::kMalformed) state_ = State::kEnded;
}

void ResponseParser::takeHead(Bytes& bytes, ResponseListener& listener) {
  if (head_.empty() && listener.asked() == Asked::kNothing) {
    return fail("a response that nobody asked for");
  }
  if (!head_.take(bytes)) return;
  if (head_.fault() != nullptr) return fail(head_.fault());
  if (lacksSpace(head_.all())) {
    const Bytes head = head_.all();
    std::vector<std::uint8_t> mended(head.begin(), head.end());
    mended.insert(mended.begin() + kStatusLine, ' ');
    begin(mended, listener);
  } else {
    begin(head_.all(), listener);
  }
  head_.release();
}

void ResponseParser::begin(Bytes bytes, ResponseListener& listener) {
  ResponseHead head;
  std::vector<HeaderField> fields;
  fields.reserve(kUsualResponseFields);
  std::string wrong = parseResponseHead(bytes, fields, head);
  if (!wrong.empty()) return fail(std::move(wrong));
  if (head.interim()) return;
  const Asked asked = listener.asked();
  if (head.status == 101 && asked == Asked::kHttp2) {
    state_ = State::kHttp2;
    return;
  }
  tunnels_ = head.status == 101 || (asked == Asked::kConnect && head.status / 100 == 2);
  body_ = bodyOf(head, asked);
  listener.onHead(head);
  if (body_ == Body::kNone) return endResponse(listener);
  left_ = head.length.value_or(0);
  if (body_ == Body::kChunked) chunks_.emplace(kMaxHead);
}

ResponseParser::Body ResponseParser::bodyOf(const ResponseHead& head, Asked asked) const {
  const bool never = tunnels_ || asked == Asked::kHead || head.status == 204 || head.status == 304;
  if (never) return Body::kNone;
  if (head.chunked) return Body::kChunked;
  if (!head.length) return Body::kUntilEnd;
  return *head.length == 0 ? Body::kNone : Body::kLength;
}

void ResponseParser::takeBody(Bytes& bytes, ResponseListener& listener) {
  if (body_ != Body::kChunked) {
    const bool bounded = body_ == Body::kLength;
    const auto length = static_cast<std::size_t>(
        bounded ? std::min<std::uint64_t>(left_, bytes.size()) : bytes.size());
    left_ -= bounded ? length : 0;
    listener.onContent(bytes.first(length));
    bytes = bytes.subspan(length);
    if (bounded && left_ == 0) endResponse(listener);
    return;
  }
  const ChunkedBody::Step step = chunks_->next(bytes);
  if (!step.content.empty()) listener.onContent(step.content);
  if (chunks_->broken()) return fail("the framing of a chunked body is wrong");
  bytes = bytes.subspan(step.used);
  if (chunks_->done()) endResponse(listener);
}

void ResponseParser::endResponse(ResponseListener& listener) {
  body_ = Body::kNone;
  chunks_.reset();
  if (tunnels_) state_ = State::kTunnel;
  listener.onResponseEnd();
}

void ResponseParser::fail(std::string why) {
  fault_ = std::move(why);
  state_ = State::kMalformed;
  body_ = Body::kNone;
  chunks_.reset();
  head_.release();
}

}  // namespace dormouse::http
