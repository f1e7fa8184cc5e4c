// The head of a response, as the parsers hand it out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"

namespace dormouse::http {

/// Everything points into the head's bytes or into the parser. Valid during the callback.
struct ResponseHead {
  int status = 0;  // 100 to 999.
  std::string_view phrase;
  int minorVersion = 1;                 // HTTP/1.x
  std::span<const HeaderField> fields;  // In order; a name may stand several times.
  std::span<const std::uint8_t> bytes;  // From the status line to the empty line, both included.
                                        // Empty in HTTP/2.

  // What the fields say of the body's length (RFC 9112, 6.3). Neither: up to the connection's end.
  bool chunked = false;
  std::optional<std::uint64_t> length;

  /// Another head follows for the same request (RFC 9110, 15.2).
  bool interim() const { return status >= 100 && status < 200 && status != 101; }
};

/// Parses a whole head. Fills `head`, which points into `bytes` and `fields`. Returns nothing, or
/// what is wrong. Beside what Boost.Beast's parser refuses, these are: a status below 100;
/// Content-Length beside Transfer-Encoding; Transfer-Encoding in HTTP/1.0, or twice. A coding whose
/// last part is not "chunked" lasts until the connection's end. REQUIRES: no line is folded or ends
/// with a bare LF.
std::string parseResponseHead(std::span<const std::uint8_t> bytes, std::vector<HeaderField>& fields,
                              ResponseHead& head);

}  // namespace dormouse::http
