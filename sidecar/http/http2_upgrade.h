// The way from HTTP/1 to HTTP/2 in the middle of a connection (RFC 7540, 3.2; RFC 9113 has dropped
// it).
#pragma once

#include <string>

#include "http/request_head.h"

namespace dormouse::http {

/// Whether an HTTP/1 request asks to go on in HTTP/2, and in nothing else.
bool asksForHttp2(const RequestHead& head);

/// The bytes of such a head without the question: whoever gets the request answers it as it is.
std::string withoutHttp2Question(const RequestHead& head);

}  // namespace dormouse::http
