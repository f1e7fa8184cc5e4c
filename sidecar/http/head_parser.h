// One request's head, parsed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "http/request_head.h"

namespace dormouse::http {

/// Parses a whole head: request line, fields, empty line. Fills `head`, which points into `bytes`
/// and `fields`. Returns nothing, or what is wrong. Beside what Boost.Beast's parser refuses, these
/// are: Content-Length twice (even if the values are equal) or beside Transfer-Encoding; a
/// Transfer-Encoding other than "chunked", or in HTTP/1.0; Host twice, or with another value than a
/// host and a port, or missing in HTTP/1.1. REQUIRES: no line is folded or ends with
/// a bare LF.
std::string parseHead(std::span<const std::uint8_t> bytes, std::vector<HeaderField>& fields,
                      RequestHead& head);

}  // namespace dormouse::http
