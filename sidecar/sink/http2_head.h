// A request's head as HTTP/2 writes it.
#pragma once

#include <span>
#include <vector>

#include "mirror/sink.h"
#include "wire/frames.h"

namespace dormouse::sink {

/// Pseudo-headers first (RFC 9113, 8.3.1). Views of what the head views. REQUIRES: isHttp2().
std::vector<wire::FieldView> http2Fields(const http::RequestHead& head);

std::vector<wire::FieldView> http2Fields(std::span<const http::HeaderField> fields);

}  // namespace dormouse::sink
