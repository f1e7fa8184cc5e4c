// UTF-8 as RFC 3629 defines it, for text that came from outside and goes into JSON.
#pragma once

#include <string>
#include <string_view>

namespace dormouse {

/// The text with every byte that is not part of a valid UTF-8 sequence replaced by U+FFFD. Poco's
/// JSON printer passes such bytes through, and the result would not be JSON (RFC 8259, 8.1).
std::string toValidUtf8(std::string_view text);

/// Whether every byte is part of a valid UTF-8 sequence: the text needs no replacing.
bool isValidUtf8(std::string_view text);

/// Whether every byte is one of ASCII, control characters included.
bool isAscii(std::string_view text);

}  // namespace dormouse
