#include "http/http2_parser.h"

#include <algorithm>
#include <utility>

namespace dormouse::http {
namespace {

constexpr std::size_t kPriorityBytes = 5;
// What a frame adds to its part of a block at most: the padding's length, padding, priority.
constexpr std::size_t kFrameExtra = 1 + 255 + kPriorityBytes;

std::string_view textOf(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool Http2Parser::feed(Bytes bytes, Http2Listener& listener) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kPreface:
        takePreface(bytes);
        break;
      case State::kFrameHead:
        takeFrameHead(bytes, listener);
        break;
      case State::kPadLength:
        takePadLength(bytes, listener);
        break;
      case State::kContent:
        takeContent(bytes, listener);
        break;
      case State::kBlock:
        takeBlock(bytes, listener);
        break;
      case State::kSkip:
        takeSkipped(bytes, listener);
        break;
      case State::kMalformed:
        return false;
    }
  }
  return state_ != State::kMalformed;
}

void Http2Parser::takePreface(Bytes& bytes) {
  const std::size_t length = std::min(bytes.size(), kHttp2Preface.size() - prefaceBytes_);
  if (textOf(bytes.first(length)) != kHttp2Preface.substr(prefaceBytes_, length)) {
    return fail("the connection preface is wrong");
  }
  bytes = bytes.subspan(length);
  prefaceBytes_ += length;
  if (prefaceBytes_ == kHttp2Preface.size()) state_ = State::kFrameHead;
}

void Http2Parser::takeFrameHead(Bytes& bytes, Http2Listener& listener) {
  const std::size_t length = std::min(bytes.size(), head_.size() - headBytes_);
  std::copy_n(bytes.begin(), length, head_.begin() + static_cast<std::ptrdiff_t>(headBytes_));
  bytes = bytes.subspan(length);
  headBytes_ += length;
  if (headBytes_ < head_.size()) return;
  headBytes_ = 0;
  frame_ = readHttp2Frame(head_);
  left_ = frame_.length;
  padding_ = 0;
  beginFrame(listener);
  if (left_ == 0 && state_ != State::kMalformed) endFrame(listener);
}

void Http2Parser::beginFrame(Http2Listener& listener) {
  if (!std::exchange(settingsSeen_, true)) {
    const bool settings = frame_.is(Http2Type::kSettings) && frame_.stream == 0;
    if (!settings || frame_.has(kHttp2Ack)) return fail("the first frame is not SETTINGS");
  }
  if (inBlock_ != frame_.is(Http2Type::kContinuation) ||
      (inBlock_ && frame_.stream != blockStream_)) {
    return fail("a header block is not continuous");
  }
  state_ = State::kSkip;
  if (frame_.is(Http2Type::kHeaders) || inBlock_) return beginBlock();
  if (frame_.is(Http2Type::kPushPromise)) return fail("PUSH_PROMISE from a client");
  if (frame_.is(Http2Type::kReset)) {
    if (frame_.length != 4) return fail("RST_STREAM of a wrong length");
    const bool pushed = frame_.stream % 2 == 0;  // By the server, and not wanted.
    if (!pushed && frame_.stream > lastStream_) return fail("RST_STREAM without a request");
    if (find(frame_.stream) != nullptr) {
      cancel(frame_.stream, Reason::kMalformed, listener);
    } else if (!pushed) {
      listener.onForgone(frame_.stream);
    }
    return;
  }
  if (!frame_.is(Http2Type::kData)) return;
  // Of a stream that has ended before, it was under way when the server reset it.
  if (frame_.stream == 0 || frame_.stream > lastStream_) return fail("DATA without a request");
  state_ = State::kContent;
  if (!frame_.has(kHttp2Padded)) return;
  state_ = State::kPadLength;
  if (frame_.length == 0) fail("padding is longer than its frame");
}

void Http2Parser::beginBlock() {
  if (!inBlock_) {
    if (frame_.stream % 2 == 0) return fail("HEADERS on a stream that is not a client's");
    blockStream_ = frame_.stream;
    blockEndsStream_ = frame_.has(kHttp2EndStream);
    inBlock_ = true;
    continuations_ = 0;
  } else if (++continuations_ > kMaxContinuations) {
    return fail("a header block has too many frames");
  }
  if (held_.size() + frame_.length > kMaxBlock + kFrameExtra) {
    return fail("a header block is larger than 64 KiB");
  }
  state_ = State::kBlock;
}

void Http2Parser::takePadLength(Bytes& bytes, Http2Listener& listener) {
  padding_ = bytes.front();
  bytes = bytes.subspan(1);
  if (padding_ > left_ - 1) return fail("padding is longer than its frame");
  left_ -= 1 + padding_;
  state_ = left_ == 0 ? State::kSkip : State::kContent;
  if (left_ > 0) return;
  left_ = std::exchange(padding_, 0);
  if (left_ == 0) endFrame(listener);
}

void Http2Parser::takeContent(Bytes& bytes, Http2Listener& listener) {
  const std::uint32_t coming = left_;  // The frame's, so that it does not matter how it is cut.
  const Bytes content = bytes.first(std::min<std::size_t>(left_, bytes.size()));
  bytes = bytes.subspan(content.size());
  left_ -= static_cast<std::uint32_t>(content.size());
  if (Stream* const stream = find(frame_.stream)) {
    if (stream->left && coming > *stream->left) {
      cancel(frame_.stream, Reason::kMalformed, listener);
    } else {
      if (stream->left) *stream->left -= content.size();
      if (stream->wanted) listener.onBody(frame_.stream, content);
    }
  }
  if (left_ > 0) return;
  left_ = std::exchange(padding_, 0);
  state_ = State::kSkip;
  if (left_ == 0) endFrame(listener);
}

void Http2Parser::takeSkipped(Bytes& bytes, Http2Listener& listener) {
  const std::size_t length = std::min<std::size_t>(left_, bytes.size());
  bytes = bytes.subspan(length);
  left_ -= static_cast<std::uint32_t>(length);
  if (left_ == 0) endFrame(listener);
}

void Http2Parser::takeBlock(Bytes& bytes, Http2Listener& listener) {
  const Bytes part = bytes.first(std::min<std::size_t>(left_, bytes.size()));
  bytes = bytes.subspan(part.size());
  left_ -= static_cast<std::uint32_t>(part.size());
  if (left_ == 0 && held_.empty() && frame_.has(kHttp2EndHeaders)) {
    Bytes whole = part;  // Nothing of it was cut: decoded where it lies.
    if (strip(whole)) finishBlock(whole, listener);
    return;
  }
  held_.append(textOf(part));
  if (left_ == 0) endFrame(listener);
}

void Http2Parser::endFrame(Http2Listener& listener) {
  if (state_ == State::kBlock) {
    if (frame_.is(Http2Type::kHeaders)) {  // The first of the block.
      const Bytes whole(reinterpret_cast<const std::uint8_t*>(held_.data()), held_.size());
      Bytes payload = whole;
      if (!strip(payload)) return;
      const auto before = static_cast<std::size_t>(payload.data() - whole.data());
      held_.resize(before + payload.size());
      held_.erase(0, before);
    }
    state_ = State::kFrameHead;
    if (!frame_.has(kHttp2EndHeaders)) return;
    const std::string block = std::exchange(held_, {});
    return finishBlock({reinterpret_cast<const std::uint8_t*>(block.data()), block.size()},
                       listener);
  }
  state_ = State::kFrameHead;
  if (frame_.is(Http2Type::kData) && frame_.has(kHttp2EndStream)) endRequest({}, listener);
}

bool Http2Parser::strip(Bytes& payload) {
  if (frame_.is(Http2Type::kContinuation)) return true;
  std::size_t padding = 0;
  if (frame_.has(kHttp2Padded)) {
    if (payload.empty()) return fail("padding is longer than its frame"), false;
    padding = payload.front();
    payload = payload.subspan(1);
  }
  const std::size_t before = frame_.has(kHttp2Priority) ? kPriorityBytes : 0;
  if (payload.size() < before + padding) return fail("padding is longer than its frame"), false;
  payload = payload.subspan(before, payload.size() - before - padding);
  return true;
}

void Http2Parser::finishBlock(Bytes block, Http2Listener& listener) {
  inBlock_ = false;
  state_ = State::kFrameHead;
  if (!decoder_) decoder_.emplace();
  HeaderList list;
  if (!decoder_->decode(block, list)) return fail("a header block cannot be decoded");
  if (blockStream_ > lastStream_) return beginRequest(list, listener);
  frame_.stream = blockStream_;
  if (find(blockStream_) == nullptr) return;  // Trailers of a request that has its fate.
  if (!blockEndsStream_ || !areTrailers(list)) {
    return cancel(blockStream_, Reason::kMalformed, listener);
  }
  endRequest(list.fields, listener);
}

void Http2Parser::beginRequest(const HeaderList& list, Http2Listener& listener) {
  lastStream_ = blockStream_;
  std::vector<HeaderField> fields;
  RequestHead head;
  const bool whole = blockEndsStream_;
  const bool good = readRequestHead(list, fields, head).empty();
  if (!good || (whole && head.length.value_or(0) > 0)) return listener.onBadHead(blockStream_);
  if (whole) head.length = 0;
  if (streams_.size() >= kMaxStreams) cancel(streams_.front().id, Reason::kEvicted, listener);
  const bool wanted = listener.onHead(blockStream_, head);
  streams_.push_back({blockStream_, wanted, head.length});
  wanted_ += wanted ? 1 : 0;
  frame_.stream = blockStream_;
  if (whole) endRequest({}, listener);
}

void Http2Parser::endRequest(std::span<const HeaderField> trailers, Http2Listener& listener) {
  const Stream* const stream = find(frame_.stream);
  if (stream == nullptr) return;
  if (stream->left.value_or(0) > 0) return cancel(frame_.stream, Reason::kMalformed, listener);
  const bool wanted = stream->wanted;
  erase(frame_.stream);
  if (wanted) listener.onEnd(frame_.stream, trailers);
}

void Http2Parser::cancel(std::uint32_t id, Reason reason, Http2Listener& listener) {
  const Stream* const stream = find(id);
  if (stream == nullptr) return;
  const bool wanted = stream->wanted;
  erase(id);
  if (wanted) listener.onCancel(id, reason);
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

std::size_t Http2Parser::memory() const {
  return held_.capacity() + streams_.capacity() * sizeof(Stream) +
         (decoder_ ? decoder_->memory() : 0);
}

void Http2Parser::fail(std::string why) {
  fault_ = std::move(why);
  state_ = State::kMalformed;
  inBlock_ = false;
  held_ = {};
  decoder_.reset();
}

}  // namespace dormouse::http
