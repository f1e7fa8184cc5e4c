// HTTP/1 requests out of a connection's bytes (RFC 9112): bytes in, events out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "http/chunked_body.h"
#include "http/first_bytes.h"
#include "http/head_end.h"
#include "http/request_head.h"

namespace dormouse::http {

/// Told by the parser, from within feed(), in the order of the bytes. Spans are valid during the
/// call. The head's bytes and the raw bytes of the bodies that follow it are together the request
/// as it was sent, byte for byte.
class RequestListener {
 public:
  virtual ~RequestListener() = default;
  /// A request begins.
  virtual void onHead(const RequestHead& head) = 0;
  /// The next bytes of its body as they were sent, and the part of them that is content: less, or
  /// nothing, where they hold the framing of chunks or trailers. Of one request and one feed() the
  /// raw bytes lie one after the other.
  virtual void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) = 0;
  /// Every byte of the request has come.
  virtual void onRequestEnd() = 0;
  /// Bytes of a connection that speaks something else, or no longer speaks HTTP/1: see state().
  virtual void onOther(std::span<const std::uint8_t> bytes) = 0;
};

/// Follows one direction of one connection. Any chunking of the bytes gives the same requests.
/// Copies nothing but what was cut between two calls: heads, the lines between chunks, and
/// trailers, each at most kMaxHead. No clock, no I/O; one thread.
///
/// Strict, since a mirror that reads a boundary otherwise than the server would take bodies for
/// requests. Malformed are: a head, or the lines between two chunks' data, above kMaxHead; a line
/// that ends with a bare LF; a folded line; white space before a colon; Content-Length twice (even
/// if the values are equal) or beside Transfer-Encoding; a Transfer-Encoding other than "chunked",
/// or in HTTP/1.0; Host twice, or no host, or missing in HTTP/1.1 (RFC 9112, 3.2); chunks that
/// ChunkedBody refuses; heads that Boost.Beast's parser refuses. Empty lines before a request's
/// line are dropped, except before the first one.
///
/// After a request with Upgrade (its server may refuse), the next bytes decide: a request line goes
/// on as HTTP, the preface of HTTP/2 makes it kHttp2 if that was asked for, all else is kTunnel.
/// After CONNECT everything is kTunnel. A body that was announced with Expect: 100-continue must
/// come, as for every request: a client that does not send it cannot use the connection further
/// (RFC 9110, 10.1.1).
class Http1Parser {
 public:
  static constexpr std::size_t kMaxHead = 64 << 10;

  enum class State : std::uint8_t {
    kDeciding,   // The first bytes; nothing is known yet.
    kHttp,       // A request line has come.
    kTunnel,     // Was HTTP, until Upgrade or CONNECT.
    kHttp2,      // HTTP/2: with prior knowledge, or after a request that asked for it.
    kNotHttp,    // Another protocol.
    kMalformed,  // HTTP, but no boundary can be relied on any more; fault() says why.
  };

  /// `state`: kDeciding at a connection's beginning; kHttp goes on after a request that has ended.
  explicit Http1Parser(State state = State::kDeciding) : state_(state) {}

  /// The next bytes, in order. Those after a fault are ignored.
  State feed(std::span<const std::uint8_t> bytes, RequestListener& listener);

  State state() const { return state_; }
  /// Why the state is kMalformed.
  const std::string& fault() const { return fault_; }
  /// A request has begun (its first byte has come) and not ended.
  bool midRequest() const { return inBody_ || !held_.empty(); }
  /// Bytes that have come and wait for the rest of their line or head.
  std::span<const std::uint8_t> held() const;
  /// Bytes of memory that these take.
  std::size_t memory() const { return held_.capacity(); }

 private:
  // Each takes what it can use from the front of `bytes`.
  void takeHead(std::span<const std::uint8_t>& bytes, RequestListener& listener);
  void takeBody(std::span<const std::uint8_t>& bytes, RequestListener& listener);

  /// The next of the first bytes. False, and the state has changed, if with these they are no
  /// HTTP/1.
  bool decide(std::span<const std::uint8_t> bytes);
  void beginRequest(std::span<const std::uint8_t> head, RequestListener& listener);
  void endRequest(RequestListener& listener);
  /// Returns how many of them were taken: fewer only if they exceed the limit.
  std::size_t hold(std::span<const std::uint8_t> bytes);
  void release();
  void fail(std::string why);

  State state_;
  FirstBytesJudge judge_;   // While it is kDeciding.
  bool upgrading_ = false;  // Deciding again: the last request asked for another protocol.
  bool inBody_ = false;
  bool upgrade_ = false;               // The present request asks for another protocol.
  bool http2_ = false;                 // That one is HTTP/2.
  bool connect_ = false;               // It asks for a tunnel.
  HeadEnd end_;                        // Of the present head.
  std::uint64_t left_ = 0;             // Of a body of known length.
  std::optional<ChunkedBody> chunks_;  // While the body is a chunked one.
  std::string held_;
  std::string fault_;
};

}  // namespace dormouse::http
