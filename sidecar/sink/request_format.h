// How a stream of requests reads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mirror/sink.h"

namespace dormouse::sink {

/// One request while it comes in; owned by the sink.
class RequestText {
 public:
  virtual ~RequestText() = default;
  /// The next bytes of its body, as for RequestIntake::requestBody.
  virtual void body(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) = 0;
  /// What follows the body (HTTP/2; those of HTTP/1 are among the raw bytes). Perhaps none.
  virtual void trailers(std::span<const http::HeaderField> fields) = 0;
  /// Bytes of memory that it has allocated so far.
  virtual std::size_t size() const = 0;
  /// The whole of it, ready to be sent. Called once, at its end.
  virtual std::string take() = 0;
};

/// A format of whole requests, one after the other. Stateless.
class RequestFormat {
 public:
  virtual ~RequestFormat() = default;
  /// Whether the format can hold this request at all.
  virtual bool carries(const http::RequestHead& head) const = 0;
  /// How much memory a request's text may need, as far as its head tells.
  virtual std::size_t expect(const http::RequestHead& head) const = 0;
  /// `connection`: its number within the stream. `number`: of RequestId.
  virtual std::unique_ptr<RequestText> begin(std::uint64_t connection, std::uint32_t number,
                                             const mirror::ConnectionInfo& info,
                                             const mirror::RequestInfo& request) const = 0;
  /// Whether the format holds bytes that are no requests: then these three say how. None is empty.
  virtual bool carriesRaw() const { return false; }
  virtual std::string open(std::uint64_t, const mirror::ConnectionInfo&) const { return {}; }
  virtual std::string data(std::uint64_t, std::string_view) const { return {}; }
  virtual std::string close(std::uint64_t, Reason, bool) const { return {}; }
  /// One response, or that it is missing; empty if the format has no responses.
  virtual std::string response(const mirror::ResponseInfo&) const { return {}; }
  /// The mirror's final report as the format's last words; empty if it has none.
  virtual std::string ending(const std::string& report) const = 0;
  /// What shows a reader that the mirror lives, between two requests; empty if nothing can.
  virtual std::string_view heartbeat() const = 0;
};

/// `ndjson`: a JSON object (RFC 8259) per line. docs/stream-format.md lists its members.
std::unique_ptr<RequestFormat> makeNdjsonFormat();

/// `http`: the requests themselves, as one connection's client would send them (RFC 9112).
std::unique_ptr<RequestFormat> makeHttpFormat();

}  // namespace dormouse::sink
