// Foreign text inside our own sentences.
#pragma once

#include <string>
#include <string_view>

namespace dormouse {

/// `text` in double quotes, fit to stand in an error message or a warning, on a terminal too: at
/// most 40 bytes of it, everything but printable ASCII replaced by '?', quotes and backslashes too.
std::string inQuotes(std::string_view text);

}  // namespace dormouse
