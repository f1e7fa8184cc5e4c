// HTTP/2 requests out of a connection's bytes (RFC 9113): bytes in, events out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/reason.h"
#include "http/header_block.h"
#include "http/http2_reader.h"
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
/// client that the server may have allowed: any number of streams, any window. It keeps a bounded
/// number of unfinished requests, since of those that the server has reset it never sees an end.
///
/// A connection is malformed as Http2Reader says, and if frames stand on streams on which a client
/// cannot send them. A request alone is malformed if its head or its trailers are (RFC 9113, 8.1 to
/// 8.3), or if its content has another length than its head says.
class Http2Parser final : private Http2FrameHandler {
 public:
  static constexpr std::size_t kMaxStreams = 1024;  // Unfinished requests.

  /// `upgraded`: the connection was one of HTTP/1, whose last request is stream 1 and whole.
  explicit Http2Parser(bool upgraded = false) : lastStream_(upgraded ? 1 : 0) {}

  /// The next bytes, in order. False once the connection is malformed; those after are ignored.
  bool feed(std::span<const std::uint8_t> bytes, Http2Listener& listener);

  bool malformed() const { return reader_.malformed(); }
  /// Why it is malformed.
  const std::string& fault() const { return reader_.fault(); }
  /// Requests that have begun, whose rest is wanted, and that have not ended.
  std::size_t unfinished() const { return wanted_; }
  /// A header block has begun and is not complete: no request is known of it yet.
  bool midHead() const { return reader_.midBlock(); }
  /// Bytes of memory, roughly, beside the object itself.
  std::size_t memory() const { return reader_.memory() + streams_.capacity() * sizeof(Stream); }

 private:
  struct Stream {
    std::uint32_t id;
    bool wanted;
    std::optional<std::uint64_t> left;  // Of the content, if its head said how much.
  };

  std::string_view onFrame(const Http2Frame& frame) override;
  void onContent(const Http2Frame& frame, std::uint32_t coming,
                 std::span<const std::uint8_t> content) override;
  void onContentEnd(const Http2Frame& frame) override { endRequest(frame.stream, {}); }
  void onBlock(const Http2Frame& first, const HeaderList& list) override;

  void beginRequest(const Http2Frame& first, const HeaderList& list);
  void endRequest(std::uint32_t id, std::span<const HeaderField> trailers);
  /// Ends the stream as not whole.
  void cancel(std::uint32_t id, Reason reason);
  Stream* find(std::uint32_t id);
  void erase(std::uint32_t id);

  Http2Reader reader_{kHttp2Preface};
  std::uint32_t lastStream_;
  std::vector<Stream> streams_;  // Unfinished ones; ids rise.
  std::size_t wanted_ = 0;
  Http2Listener* listener_ = nullptr;  // During feed().
};

}  // namespace dormouse::http
