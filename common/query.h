// Percent-encoding and query strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dormouse {

/// RFC 3986, section 2.1. Nothing if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percentDecode(std::string_view text, bool plusIsSpace);

/// The pairs of an application/x-www-form-urlencoded query in their order, duplicates kept; '+' is
/// a space; a part without '=' has an empty value; empty parts are skipped. Throws Problem 400
/// naming the key whose escape is invalid.
std::vector<std::pair<std::string, std::string>> parseQuery(std::string_view query);

}  // namespace dormouse
