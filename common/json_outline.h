// What of hostile JSON must be known before a recursive parser sees it.
#pragma once

#include <cstddef>
#include <limits>
#include <string_view>

namespace dormouse {

struct JsonBounds {
  int maxDepth = 8;  // Objects and arrays within each other.
  std::size_t maxValues = std::numeric_limits<std::size_t>::max();  // Names of members included.
};

/// Throws std::invalid_argument with a sentence unless `text` is one object, from its first bracket
/// to its last, within the bounds and without a NUL byte. Poco's parser recurses, stops at a NUL,
/// and does not look at what follows the first value. Whether the brackets match, and all else, is
/// left to the parser.
void checkJsonOutline(std::string_view text, const JsonBounds& bounds);

}  // namespace dormouse
