// Base64 (RFC 4648, section 4), in one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dormouse::injector {

std::string encodeBase64(std::string_view bytes);

/// Nothing if the text is not Base64 with its padding, or has anything else in it.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace dormouse::injector
