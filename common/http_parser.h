// HTTP/1 requests from bytes (RFC 9112). No sockets: bytes in, a request or a Problem out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/http_message.h"

namespace dormouse {

/// The length of the request head at the beginning of `bytes`, its empty line included; 0 while it
/// is not complete.
std::size_t headLength(std::string_view bytes);

/// How the body is delimited (RFC 9112, section 6).
struct BodyFraming {
  bool chunked = false;
  std::size_t length = 0;  // If not chunked.
};

/// Parses a complete head. Stricter than Poco's parser, which does the splitting: control
/// characters, folded lines, lines without a colon, and fields that decide about the message twice
/// (Host, Content-Length, Transfer-Encoding, Authorization) are refused. Throws Problem 400, or 505
/// for a version that is not HTTP/1.0 or 1.1.
HttpRequest parseHead(std::string_view head);

/// Throws Problem: 400 for contradictory or malformed fields, 501 for another transfer coding than
/// chunked, 413 for a length above the limit.
BodyFraming bodyFraming(const HttpRequest& request, const HttpLimits& limits);

/// Removes the chunked coding (RFC 9112, section 7.1). Extensions and trailers are read and
/// dropped.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const HttpLimits& limits) : limits_(limits) {}
  /// Takes bytes from the beginning of `bytes` and removes them; what follows the body stays.
  /// Throws Problem 400, or 413.
  void feed(std::string& bytes);
  bool done() const { return state_ == State::kDone; }
  std::string takeBody() { return std::move(body_); }

 private:
  enum class State : std::uint8_t {
    kSize,     // Entered at the start and after each chunk's line end.
    kData,     // A size above 0 was read.
    kDataEnd,  // The chunk's bytes are complete.
    kTrailer,  // The size 0 was read.
    kDone,     // The empty line after the trailers was read.
  };
  /// The next line without its end, or nothing while it is incomplete.
  static std::optional<std::string> takeLine(std::string& bytes);

  const HttpLimits limits_;
  State state_ = State::kSize;
  std::size_t missing_ = 0;  // Bytes of this chunk that have not come.
  std::size_t overhead_ = 0;
  std::string body_;
};

}  // namespace dormouse
