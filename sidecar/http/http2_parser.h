// HTTP/2 requests out of a connection's bytes (RFC 9113): bytes in, events out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/reason.h"
#include "http/header_block.h"
#include "http/http2_frames.h"
#include "http/request_head.h"

namespace dormouse::http {

/// Told by the parser, from within feed(), in the order of the bytes. Views are valid during the
/// call. Streams are the client's, each is used once.
class Http2Listener {
 public:
  virtual ~Http2Listener() = default;
  /// A request begins. Returns whether the rest of it is to be told.
  virtual bool onHead(std::uint32_t stream, const RequestHead& head) = 0;
  /// A request has begun whose head is malformed or too large; nothing else is told of it.
  virtual void onBadHead(std::uint32_t stream) = 0;
  /// The next bytes of its content.
  virtual void onBody(std::uint32_t stream, std::span<const std::uint8_t> content) = 0;
  /// Every byte of the request has come.
  virtual void onEnd(std::uint32_t stream, std::span<const HeaderField> trailers) = 0;
  /// It is broken off; nothing else is told of it. kMalformed: the client has reset it, or it is
  /// not what its head says. kEvicted: too many were unfinished, and it was the oldest.
  virtual void onCancel(std::uint32_t stream, Reason reason) = 0;
  /// The client has reset a stream whose request had ended before, or was not wanted: it waits for
  /// no answer any more.
  virtual void onForgone(std::uint32_t stream) = 0;
};

/// Follows what one client sends. Any chunking of the bytes gives the same events. No clock, no
/// I/O; one thread.
///
/// An observer sees neither the server's SETTINGS nor its resets, so nothing is held against a
/// client that the server may have allowed: frames up to what their length can say, any number of
/// streams, any window. It keeps a bounded number of unfinished requests, since of those that the
/// server has reset it never sees an end.
///
/// A connection is malformed, for no later frame can be relied on, if it does not begin as RFC
/// 9113, 3.4 says; if HPACK cannot decode a header block, or one has more than kMaxBlock bytes
/// before it is decoded or more than kMaxContinuations frames behind its first; if another frame
/// comes where a CONTINUATION must; if padding exceeds its frame; if a RST_STREAM has another
/// length than 4; if frames stand on streams on which a client cannot send them. A request alone is
/// malformed if its head or its trailers are (RFC 9113, 8.1 to 8.3), or if its content has another
/// length than its head says.
///
/// Copies nothing but header blocks, and frame heads that were cut between two calls.
class Http2Parser {
 public:
  static constexpr std::size_t kMaxBlock = 64 << 10;
  static constexpr std::size_t kMaxContinuations = 128;  // Of one block; the empty ones count, too.
  static constexpr std::size_t kMaxStreams = 1024;       // Unfinished requests.

  /// `upgraded`: the connection was one of HTTP/1, whose last request is stream 1 and whole.
  explicit Http2Parser(bool upgraded = false) : lastStream_(upgraded ? 1 : 0) {}

  /// The next bytes, in order. False once the connection is malformed; those after are ignored.
  bool feed(std::span<const std::uint8_t> bytes, Http2Listener& listener);

  bool malformed() const { return state_ == State::kMalformed; }
  /// Why it is malformed.
  const std::string& fault() const { return fault_; }
  /// Requests that have begun, whose rest is wanted, and that have not ended.
  std::size_t unfinished() const { return wanted_; }
  /// A header block has begun and is not complete: no request is known of it yet.
  bool midHead() const { return inBlock_; }
  /// Bytes of memory, roughly, beside the object itself.
  std::size_t memory() const;

 private:
  enum class State : std::uint8_t {
    kPreface,    // At first.
    kFrameHead,  // The preface, or a frame, is whole.
    kPadLength,  // The head of a padded DATA frame has come.
    kContent,    // In the content of a DATA frame.
    kBlock,      // In a HEADERS or CONTINUATION frame.
    kSkip,       // In padding, or in a frame that says nothing about requests.
    kMalformed,
  };
  struct Stream {
    std::uint32_t id;
    bool wanted;
    std::optional<std::uint64_t> left;  // Of the content, if its head said how much.
  };
  using Bytes = std::span<const std::uint8_t>;

  // Each takes what it can use from the front of `bytes`.
  void takePreface(Bytes& bytes);
  void takeFrameHead(Bytes& bytes, Http2Listener& listener);
  void takePadLength(Bytes& bytes, Http2Listener& listener);
  void takeContent(Bytes& bytes, Http2Listener& listener);
  void takeBlock(Bytes& bytes, Http2Listener& listener);
  void takeSkipped(Bytes& bytes, Http2Listener& listener);

  void beginFrame(Http2Listener& listener);
  void beginBlock();
  void endFrame(Http2Listener& listener);
  /// The part of a HEADERS or CONTINUATION payload that belongs to the block. False: malformed.
  bool strip(Bytes& payload);
  void finishBlock(Bytes block, Http2Listener& listener);
  void beginRequest(const HeaderList& list, Http2Listener& listener);
  void endRequest(std::span<const HeaderField> trailers, Http2Listener& listener);
  /// Ends the stream as not whole.
  void cancel(std::uint32_t id, Reason reason, Http2Listener& listener);
  Stream* find(std::uint32_t id);
  void erase(std::uint32_t id);
  void fail(std::string why);

  State state_ = State::kPreface;
  std::size_t prefaceBytes_ = 0;
  bool settingsSeen_ = false;
  std::array<std::uint8_t, Http2Frame::kHeadBytes> head_{};
  std::size_t headBytes_ = 0;
  Http2Frame frame_;
  std::uint32_t left_ = 0;     // Of the frame's payload, without padding where there is content.
  std::uint32_t padding_ = 0;  // That follows the content.
  bool inBlock_ = false;       // A header block has begun and not ended.
  std::uint32_t blockStream_ = 0;
  bool blockEndsStream_ = false;
  std::size_t continuations_ = 0;  // Of the block.
  std::string held_;               // The block so far.
  std::uint32_t lastStream_;
  std::vector<Stream> streams_;  // Unfinished ones; ids rise.
  std::size_t wanted_ = 0;
  std::optional<HeaderDecoder> decoder_;
  std::string fault_;
};

}  // namespace dormouse::http
