// What a connection's first bytes tell about the protocol that it speaks.
#pragma once

#include <cstdint>
#include <string_view>

namespace dormouse::http {

enum class FirstBytes : std::uint8_t {
  kUndecided,  // May still become a request line.
  kHttp1,      // A whole request line of HTTP/1 (RFC 9112, 3).
  kHttp2,      // The whole preface of HTTP/2 (RFC 9113, 3.4).
  kOther,      // Neither.
};

/// Judges the bytes from a connection's beginning. A request line is a method of at most 24 capital
/// letters, '-' and '_'; a target that begins like one of the four forms of RFC 9112, 3.2; and the
/// version. Protocols with other words than these are decided by the first byte that differs, most
/// by their first or second word.
FirstBytes judgeFirstBytes(std::string_view bytes);

}  // namespace dormouse::http
