// What the lines of `ndjson` are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/request_head.h"

namespace dormouse::sink {

/// Of a body, what a line shows. A line must stay one that a reader can hold.
inline constexpr std::size_t kMaxShownBody = 64 << 10;

/// A JSON string (RFC 8259, 7); bytes that are not UTF-8 become U+FFFD.
void appendString(std::string& out, std::string_view text);

/// ,"name":number
void appendMember(std::string& out, std::string_view name, std::uint64_t number);

/// ,"name":"text"
void appendMember(std::string& out, std::string_view name, std::string_view text);

/// ,"name":"…" if the bytes are UTF-8, else ,"name_base64":"…" (RFC 4648, 4).
void appendBytes(std::string& out, std::string_view name, std::string_view bytes);

/// ,"headers":{…}, or another member's name: names in lower case, each once. Values of one name are
/// joined as RFC 9110, 5.3 says, and cookies as RFC 6265, 5.4 does; Set-Cookie, which cannot be
/// joined, is an array.
void appendHeaders(std::string& out, std::span<const http::HeaderField> fields,
                   std::string_view member = "headers");

/// ,"body_bytes":… and of the content what is shown: its beginning, "body" or "body_base64", and
/// "body_truncated" if there is more. `shown` may be longer than what a line shows.
void appendBody(std::string& out, std::string_view shown, std::uint64_t bytes);

}  // namespace dormouse::sink
