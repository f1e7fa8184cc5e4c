// The head of a request, as the parsers hand it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dormouse::http {

struct HeaderField {
  std::string_view name;   // As it was sent; names are compared without regard to case.
  std::string_view value;  // Without the white space around it.
};

/// Everything points into the head's bytes or into the parser. Valid during the callback.
struct RequestHead {
  std::string_view method;
  /// As it was sent: "/path?query", "http://host/path", "*", "host:443". In HTTP/2 the `:path`, and
  /// of a CONNECT without one the `:authority`.
  std::string_view target;
  int majorVersion = 1;                 // 1 or 2.
  int minorVersion = 1;                 // HTTP/1.x; 0 in HTTP/2.
  std::string_view scheme;              // HTTP/2 only: `:scheme`; empty if there is none.
  std::string_view authority;           // HTTP/2 only: `:authority`; likewise.
  std::string_view protocol;            // HTTP/2 only: `:protocol` (RFC 8441); likewise.
  std::span<const HeaderField> fields;  // In order; a name may stand several times. Without
                                        // pseudo-headers.
  std::span<const std::uint8_t> bytes;  // From the request line to the empty line, both included.
                                        // Empty in HTTP/2.
  std::optional<std::uint64_t> length;  // Of the content; 0: none. Nothing: only its end tells.

  bool upgrade = false;  // Asks for another protocol (RFC 9110, 7.8). Never in HTTP/2.
  bool connect = false;  // CONNECT: what follows is a tunnel.

  bool isHttp2() const { return majorVersion == 2; }
};

/// How many bytes the head has: of HTTP/2, what its fields would take as lines of text.
std::size_t headSize(const RequestHead& head);

/// How many bytes the request has, as far as its head tells, but at most `limit`.
std::size_t sizeUpTo(const RequestHead& head, std::size_t limit);

/// Whether two header or cookie names are the same, without regard to case (ASCII).
bool sameName(std::string_view a, std::string_view b);

/// The first value of that name, or nothing. "host" is in HTTP/2 also the authority.
std::optional<std::string_view> findField(const RequestHead& head, std::string_view name);

/// The value of a cookie (RFC 6265, 4.2.1), without quotes around it, or nothing.
std::optional<std::string_view> findCookie(const RequestHead& head, std::string_view name);

/// The target's path, without the query: "/a" of "/a?b" and of "http://host/a?b". Empty for "*" and
/// for the authority of a CONNECT.
std::string_view pathOf(std::string_view target);

}  // namespace dormouse::http
