// HTTP/1 responses out of the bytes that a server sends (RFC 9112): bytes in, events out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/chunked_body.h"
#include "http/head_bytes.h"
#include "http/response_head.h"

namespace dormouse::http {

/// What of a request decides where its response ends (RFC 9112, 6.3).
enum class Asked : std::uint8_t {
  kNothing,  // No request is waiting for a response.
  kUsual,
  kHead,     // HEAD: the response has no body.
  kConnect,  // CONNECT: after a 2xx the connection is a tunnel.
  kHttp2,    // Asks to go on in HTTP/2: what follows a 101 is its response there.
};

/// Told by the parser, from within feed() or end(), in the order of the bytes. Spans are valid
/// during the call.
class ResponseListener {
 public:
  virtual ~ResponseListener() = default;
  /// Which request the response that begins now belongs to: the oldest that has none.
  virtual Asked asked() = 0;
  /// A final response begins; interim ones (100, 102, 103) are not told of.
  virtual void onHead(const ResponseHead& head) = 0;
  /// The next bytes of its content, without the framing of chunks. Never empty.
  virtual void onContent(std::span<const std::uint8_t> content) = 0;
  /// Every byte of the response has come.
  virtual void onResponseEnd() = 0;
  /// A 101 to kHttp2, which is not told of otherwise. `bytes`: those behind it; there may be none.
  virtual void onHttp2(std::span<const std::uint8_t> bytes) = 0;
};

/// Follows the server's direction of one connection, from the beginning of a response on. Any
/// chunking of the bytes gives the same responses. Copies nothing but a head that is cut between
/// two calls. No clock, no I/O; one thread.
///
/// Strict where a response could end elsewhere than the client reads it: see parseResponseHead(),
/// ChunkedBody, and HeadBytes; a status line may lack the space before an absent phrase. A response
/// that nobody asked for is malformed, such as the 408 with which some servers end an idle
/// connection.
class ResponseParser {
 public:
  static constexpr std::size_t kMaxHead = 64 << 10;

  enum class State : std::uint8_t {
    kHttp,       // From the beginning.
    kTunnel,     // After 101, or the 2xx of a CONNECT: what follows is not told of.
    kHttp2,      // onHttp2() was told; likewise.
    kMalformed,  // No boundary can be relied on any more; fault() says why.
    kEnded,      // end() was called.
  };

  /// The next bytes, in order. Those after a fault or in a tunnel are ignored.
  State feed(std::span<const std::uint8_t> bytes, ResponseListener& listener);
  /// The server has closed its direction in order: that ends a body without a length. A response
  /// that it cuts is not told of as ended; see midResponse().
  void end(ResponseListener& listener);

  State state() const { return state_; }
  /// Why the state is kMalformed.
  const std::string& fault() const { return fault_; }
  /// A response has begun (its first byte has come) and not ended.
  bool midResponse() const { return body_ != Body::kNone || !head_.empty(); }
  /// Bytes of memory held for a head that is not complete.
  std::size_t held() const { return head_.held(); }

 private:
  enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilEnd };

  // Each takes what it can use from the front of `bytes`.
  void takeHead(std::span<const std::uint8_t>& bytes, ResponseListener& listener);
  void takeBody(std::span<const std::uint8_t>& bytes, ResponseListener& listener);

  void begin(std::span<const std::uint8_t> bytes, ResponseListener& listener);
  /// Which body follows this head.
  Body bodyOf(const ResponseHead& head, Asked asked) const;
  void endResponse(ResponseListener& listener);
  void fail(std::string why);

  State state_ = State::kHttp;
  Body body_ = Body::kNone;
  bool tunnels_ = false;    // The present response opens a tunnel.
  std::uint64_t left_ = 0;  // Of a body of known length.
  std::optional<ChunkedBody> chunks_;
  HeadBytes head_{kMaxHead};
  std::string fault_;
};

}  // namespace dormouse::http
