#include "http/http2_parser.h"

#include <algorithm>

namespace dormouse::http {

bool Http2Parser::feed(std::span<const std::uint8_t> bytes, Http2Listener& listener) {
  listener_ = &listener;
  return reader_.feed(bytes, *this);
}

std::string_view Http2Parser::onFrame(const Http2Frame& frame) {
  if (frame.is(Http2Type::kPushPromise)) return "PUSH_PROMISE from a client";
  if (frame.is(Http2Type::kHeaders) && frame.stream % 2 == 0) {
    return "HEADERS on a stream that is not a client's";
  }
  if (frame.is(Http2Type::kReset)) {
    const bool pushed = frame.stream % 2 == 0;  // By the server, and not wanted.
    if (!pushed && frame.stream > lastStream_) return "RST_STREAM without a request";
    if (find(frame.stream) != nullptr) {
      cancel(frame.stream, Reason::kMalformed);
    } else if (!pushed) {
      listener_->onForgone(frame.stream);
    }
  }
  // Of a stream that has ended before, it was under way when the server reset it.
  const bool none = frame.stream == 0 || frame.stream > lastStream_;
  return frame.is(Http2Type::kData) && none ? "DATA without a request" : "";
}

void Http2Parser::onContent(const Http2Frame& frame, std::uint32_t coming,
                            std::span<const std::uint8_t> content) {
  Stream* const stream = find(frame.stream);
  if (stream == nullptr) return;
  if (stream->left && coming > *stream->left) return cancel(frame.stream, Reason::kMalformed);
  if (stream->left) *stream->left -= content.size();
  if (stream->wanted) listener_->onBody(frame.stream, content);
}

void Http2Parser::onBlock(const Http2Frame& first, const HeaderList& list) {
  if (first.stream > lastStream_) return beginRequest(first, list);
  if (find(first.stream) == nullptr) return;  // Trailers of a request that has its fate.
  if (!first.has(kHttp2EndStream) || !areTrailers(list)) {
    return cancel(first.stream, Reason::kMalformed);
  }
  endRequest(first.stream, list.fields);
}

void Http2Parser::beginRequest(const Http2Frame& first, const HeaderList& list) {
  lastStream_ = first.stream;
  std::vector<HeaderField> fields;
  RequestHead head;
  const bool whole = first.has(kHttp2EndStream);
  const bool good = readRequestHead(list, fields, head).empty();
  if (!good || (whole && head.length.value_or(0) > 0)) return listener_->onBadHead(first.stream);
  if (whole) head.length = 0;
  if (streams_.size() >= kMaxStreams) cancel(streams_.front().id, Reason::kEvicted);
  const bool wanted = listener_->onHead(first.stream, head);
  streams_.push_back({first.stream, wanted, head.length});
  wanted_ += wanted ? 1 : 0;
  if (whole) endRequest(first.stream, {});
}

void Http2Parser::endRequest(std::uint32_t id, std::span<const HeaderField> trailers) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return;
  if (stream->left.value_or(0) > 0) return cancel(id, Reason::kMalformed);
  const bool wanted = stream->wanted;
  erase(id);
  if (wanted) listener_->onEnd(id, trailers);
}

void Http2Parser::cancel(std::uint32_t id, Reason reason) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return;
  const bool wanted = stream->wanted;
  erase(id);
  if (wanted) listener_->onCancel(id, reason);
}

Http2Parser::Stream* Http2Parser::find(std::uint32_t id) {
  const auto at =
      std::lower_bound(streams_.begin(), streams_.end(), id,
                       [](const Stream& one, std::uint32_t key) { return one.id < key; });
  return at != streams_.end() && at->id == id ? &*at : nullptr;
}

void Http2Parser::erase(std::uint32_t id) {
  Stream* const stream = find(id);
  wanted_ -= stream->wanted ? 1 : 0;
  streams_.erase(streams_.begin() + (stream - streams_.data()));
}

}  // namespace dormouse::http
