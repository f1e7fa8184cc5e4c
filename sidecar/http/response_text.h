// A response's head as text: what is kept of it, and what a stream carries.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"

namespace dormouse::http {

/// The text of HTTP/1 is what was sent (RFC 9112, 4). That of HTTP/2 is the line "HTTP/2 200", a
/// line for each field, and an empty one; and if there are trailers, the same of these. Either way
/// lines end with CRLF. At most kMaxResponseText bytes.
struct ResponseText {
  int status = 0;                     // 100 to 999.
  std::string_view statusLine;        // With its end.
  std::vector<HeaderField> fields;    // In order; views of the text.
  std::vector<HeaderField> trailers;  // Likewise; of HTTP/2 alone.
};
inline constexpr std::size_t kMaxResponseText = 128 << 10;

/// Reads such a text, wherever it comes from. Returns nothing, or what is wrong.
std::string parseResponseText(std::string_view text, ResponseText& parsed);

/// The first line of HTTP/2.
std::string http2StatusLine(int status);

/// Appends a line for each field, and the empty one. REQUIRES: none of them holds an end of line.
void appendFieldLines(std::string& text, std::span<const HeaderField> fields);

}  // namespace dormouse::http
