// A request of HTTP/2 in the words of HTTP/1.1.
#pragma once

#include <memory>

#include "sink/request_format.h"

namespace dormouse::sink {

/// Whether it says the same in HTTP/1.1: not CONNECT, whose tunnel lives on a connection of its own
/// there, and not gRPC, which HTTP/1.1 does not have.
bool hasHttp1Form(const http::RequestHead& head);

/// Collects it: `:authority` becomes Host, cookies one field, and the length, which HTTP/2 need not
/// tell, is written once it is known; chunked if there are trailers. REQUIRES: hasHttp1Form().
std::unique_ptr<RequestText> makeHttp1Form(const http::RequestHead& head);

}  // namespace dormouse::sink
