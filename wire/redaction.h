// What of requests is hidden, as it is written: "authorization", "cookie:session",
// "json:$.user.password".
#pragma once

#include <string>
#include <string_view>

namespace dormouse::wire {

/// RFC 9110, 5.6.2; at most 64 bytes.
bool isToken(std::string_view text);

/// The header's name in lower case, or what is wrong with hiding it: std::invalid_argument with a
/// sentence. Fields that say where a request ends or what becomes of its connection cannot be
/// hidden.
std::string parseRedactedHeader(std::string_view text);

/// Any of the three forms, checked; a header's name becomes lower case. Throws
/// std::invalid_argument with a sentence.
std::string parseRedaction(std::string_view text);

inline constexpr std::string_view kRedactedCookie = "cookie:";
inline constexpr std::string_view kRedactedMember = "json:";

}  // namespace dormouse::wire
