// Frames, contents and header blocks out of one direction of an HTTP/2 connection (RFC 9113, 4 and
// 6): bytes in, events out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/header_block.h"
#include "http/http2_frames.h"

namespace dormouse::http {

/// What one side's frames mean; told by the reader, from within feed(). Views are valid during the
/// call. Where a sentence is returned, it is what is wrong: the connection is malformed. Empty:
/// nothing is.
class Http2FrameHandler {
 public:
  virtual ~Http2FrameHandler() = default;
  /// A frame begins, but for CONTINUATION.
  virtual std::string_view onFrame(const Http2Frame& frame) = 0;
  /// The next bytes of a DATA frame, without padding. `coming`: how many of the frame's are still
  /// to come, these included, so that it does not matter how they are cut.
  virtual void onContent(const Http2Frame& frame, std::uint32_t coming,
                         std::span<const std::uint8_t> content) = 0;
  /// A DATA frame is whole that ends its stream.
  virtual void onContentEnd(const Http2Frame& frame) = 0;
  /// A header block is whole; `first`: the frame that it began in, HEADERS or PUSH_PROMISE.
  virtual void onBlock(const Http2Frame& first, const HeaderList& list) = 0;
};

/// Follows one direction. Any chunking of the bytes gives the same events. An observer does not
/// know what the other side allows, so nothing is held against whoever sends: frames up to what
/// their length can say, any stream.
///
/// It is malformed, for no later frame can be relied on, if it does not begin as RFC 9113, 3.4
/// says; if HPACK cannot decode a header block, or one has more than kMaxBlock bytes before it is
/// decoded or more than kMaxContinuations frames behind its first; if another frame comes where a
/// CONTINUATION must; if padding exceeds its frame; if a RST_STREAM has another length than 4; or
/// if its handler says so.
///
/// Copies nothing but header blocks, and frame heads that were cut between two calls. No clock, no
/// I/O; one thread.
class Http2Reader {
 public:
  static constexpr std::size_t kMaxBlock = 64 << 10;
  static constexpr std::size_t kMaxContinuations = 128;  // Of one block; the empty ones count, too.

  /// `preface`: what comes before the first frame; a view of static text.
  explicit Http2Reader(std::string_view preface) : preface_(preface) {
    if (preface.empty()) state_ = State::kFrameHead;
  }

  /// The next bytes, in order. False once the connection is malformed; those after are ignored.
  bool feed(std::span<const std::uint8_t> bytes, Http2FrameHandler& handler);

  bool malformed() const { return state_ == State::kMalformed; }
  /// Why it is malformed.
  const std::string& fault() const { return fault_; }
  /// A header block has begun and is not complete.
  bool midBlock() const { return inBlock_; }
  /// Bytes of memory, roughly, beside the object itself.
  std::size_t memory() const { return held_.capacity() + (decoder_ ? decoder_->memory() : 0); }

 private:
  enum class State : std::uint8_t {
    kPreface,    // At first.
    kFrameHead,  // The preface, or a frame, is whole.
    kPadLength,  // The head of a padded DATA frame has come.
    kContent,    // In the content of a DATA frame.
    kBlock,      // In a HEADERS, PUSH_PROMISE or CONTINUATION frame.
    kSkip,       // In padding, or in a frame that says nothing about messages.
    kMalformed,
  };
  using Bytes = std::span<const std::uint8_t>;

  // Each takes what it can use from the front of `bytes`.
  void takePreface(Bytes& bytes);
  void takeFrameHead(Bytes& bytes, Http2FrameHandler& handler);
  void takePadLength(Bytes& bytes, Http2FrameHandler& handler);
  void takeContent(Bytes& bytes, Http2FrameHandler& handler);
  void takeBlock(Bytes& bytes, Http2FrameHandler& handler);
  void takeSkipped(Bytes& bytes, Http2FrameHandler& handler);

  void beginFrame(Http2FrameHandler& handler);
  void beginBlock();
  void endFrame(Http2FrameHandler& handler);
  /// The part of a payload that belongs to the block. False: malformed.
  bool strip(Bytes& payload);
  void finishBlock(Bytes block, Http2FrameHandler& handler);
  void fail(std::string_view why);

  const std::string_view preface_;
  State state_ = State::kPreface;
  std::size_t prefaceBytes_ = 0;
  bool settingsSeen_ = false;
  std::array<std::uint8_t, Http2Frame::kHeadBytes> head_{};
  std::size_t headBytes_ = 0;
  Http2Frame frame_;
  std::uint32_t left_ = 0;     // Of the frame's payload, without padding where there is content.
  std::uint32_t padding_ = 0;  // That follows the content.
  bool inBlock_ = false;       // A header block has begun and not ended,
  Http2Frame first_;           // in this frame.
  std::size_t continuations_ = 0;  // Of the block.
  std::string held_;               // The block so far.
  std::optional<HeaderDecoder> decoder_;
  std::string fault_;
};

}  // namespace dormouse::http
