#include "http/http2_reader.h"

#include <algorithm>
#include <utility>

namespace dormouse::http {
namespace {

constexpr std::size_t kPriorityBytes = 5;
constexpr std::size_t kPromisedBytes = 4;  // The promised stream's number.
// What a frame adds to its part of a block at most: the padding's length, padding, priority.
constexpr std::size_t kFrameExtra = 1 + 255 + kPriorityBytes;

std::string_view textOf(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool Http2Reader::feed(Bytes bytes, Http2FrameHandler& handler) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kPreface:
        takePreface(bytes);
        break;
      case State::kFrameHead:
        takeFrameHead(bytes, handler);
        break;
      case State::kPadLength:
        takePadLength(bytes, handler);
        break;
      case State::kContent:
        takeContent(bytes, handler);
        break;
      case State::kBlock:
        takeBlock(bytes, handler);
        break;
      case State::kSkip:
        takeSkipped(bytes, handler);
        break;
      case State::kMalformed:
        return false;
    }
  }
  return state_ != State::kMalformed;
}

void Http2Reader::takePreface(Bytes& bytes) {
  const std::size_t length = std::min(bytes.size(), preface_.size() - prefaceBytes_);
  if (textOf(bytes.first(length)) != preface_.substr(prefaceBytes_, length)) {
    return fail("the connection preface is wrong");
  }
  bytes = bytes.subspan(length);
  prefaceBytes_ += length;
  if (prefaceBytes_ == preface_.size()) state_ = State::kFrameHead;
}

void Http2Reader::takeFrameHead(Bytes& bytes, Http2FrameHandler& handler) {
  const std::size_t length = std::min(bytes.size(), head_.size() - headBytes_);
  std::copy_n(bytes.begin(), length, head_.begin() + static_cast<std::ptrdiff_t>(headBytes_));
  bytes = bytes.subspan(length);
  headBytes_ += length;
  if (headBytes_ < head_.size()) return;
  headBytes_ = 0;
  frame_ = readHttp2Frame(head_);
  left_ = frame_.length;
  padding_ = 0;
  beginFrame(handler);
  if (left_ == 0 && state_ != State::kMalformed) endFrame(handler);
}

void Http2Reader::beginFrame(Http2FrameHandler& handler) {
  if (!std::exchange(settingsSeen_, true)) {
    const bool settings = frame_.is(Http2Type::kSettings) && frame_.stream == 0;
    if (!settings || frame_.has(kHttp2Ack)) return fail("the first frame is not SETTINGS");
  }
  if (inBlock_ != frame_.is(Http2Type::kContinuation) ||
      (inBlock_ && frame_.stream != first_.stream)) {
    return fail("a header block is not continuous");
  }
  state_ = State::kSkip;
  if (inBlock_) return beginBlock();
  if (frame_.is(Http2Type::kReset) && frame_.length != 4) {
    return fail("RST_STREAM of a wrong length");
  }
  if (const auto wrong = handler.onFrame(frame_); !wrong.empty()) return fail(wrong);
  if (frame_.is(Http2Type::kHeaders) || frame_.is(Http2Type::kPushPromise)) return beginBlock();
  if (!frame_.is(Http2Type::kData)) return;
  state_ = State::kContent;
  if (!frame_.has(kHttp2Padded)) return;
  state_ = State::kPadLength;
  if (frame_.length == 0) fail("padding is longer than its frame");
}

void Http2Reader::beginBlock() {
  if (!inBlock_) {
    first_ = frame_;
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

void Http2Reader::takePadLength(Bytes& bytes, Http2FrameHandler& handler) {
  padding_ = bytes.front();
  bytes = bytes.subspan(1);
  if (padding_ > left_ - 1) return fail("padding is longer than its frame");
  left_ -= 1 + padding_;
  state_ = left_ == 0 ? State::kSkip : State::kContent;
  if (left_ > 0) return;
  left_ = std::exchange(padding_, 0);
  if (left_ == 0) endFrame(handler);
}

void Http2Reader::takeContent(Bytes& bytes, Http2FrameHandler& handler) {
  const std::uint32_t coming = left_;
  const Bytes content = bytes.first(std::min<std::size_t>(left_, bytes.size()));
  bytes = bytes.subspan(content.size());
  left_ -= static_cast<std::uint32_t>(content.size());
  handler.onContent(frame_, coming, content);
  if (left_ > 0) return;
  left_ = std::exchange(padding_, 0);
  state_ = State::kSkip;
  if (left_ == 0) endFrame(handler);
}

void Http2Reader::takeSkipped(Bytes& bytes, Http2FrameHandler& handler) {
  const std::size_t length = std::min<std::size_t>(left_, bytes.size());
  bytes = bytes.subspan(length);
  left_ -= static_cast<std::uint32_t>(length);
  if (left_ == 0) endFrame(handler);
}

void Http2Reader::takeBlock(Bytes& bytes, Http2FrameHandler& handler) {
  const Bytes part = bytes.first(std::min<std::size_t>(left_, bytes.size()));
  bytes = bytes.subspan(part.size());
  left_ -= static_cast<std::uint32_t>(part.size());
  if (left_ == 0 && held_.empty() && frame_.has(kHttp2EndHeaders)) {
    Bytes whole = part;  // Nothing of it was cut: decoded where it lies.
    if (strip(whole)) finishBlock(whole, handler);
    return;
  }
  held_.append(textOf(part));
  if (left_ == 0) endFrame(handler);
}

void Http2Reader::endFrame(Http2FrameHandler& handler) {
  if (state_ == State::kBlock) {
    if (!frame_.is(Http2Type::kContinuation)) {  // The first of the block.
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
                       handler);
  }
  state_ = State::kFrameHead;
  if (frame_.is(Http2Type::kData) && frame_.has(kHttp2EndStream)) handler.onContentEnd(frame_);
}

bool Http2Reader::strip(Bytes& payload) {
  if (frame_.is(Http2Type::kContinuation)) return true;
  std::size_t padding = 0;
  if (frame_.has(kHttp2Padded)) {
    if (payload.empty()) return fail("padding is longer than its frame"), false;
    padding = payload.front();
    payload = payload.subspan(1);
  }
  std::size_t before = 0;
  if (frame_.is(Http2Type::kPushPromise)) {
    before = kPromisedBytes;
  } else if (frame_.has(kHttp2Priority)) {
    before = kPriorityBytes;
  }
  if (payload.size() < before + padding) return fail("padding is longer than its frame"), false;
  payload = payload.subspan(before, payload.size() - before - padding);
  return true;
}

void Http2Reader::finishBlock(Bytes block, Http2FrameHandler& handler) {
  inBlock_ = false;
  state_ = State::kFrameHead;
  if (!decoder_) decoder_.emplace();
  HeaderList list;
  if (!decoder_->decode(block, list)) return fail("a header block cannot be decoded");
  handler.onBlock(first_, list);
}

void Http2Reader::fail(std::string_view why) {
  fault_ = why;
  state_ = State::kMalformed;
  inBlock_ = false;
  held_ = {};
  decoder_.reset();
}

}  // namespace dormouse::http
