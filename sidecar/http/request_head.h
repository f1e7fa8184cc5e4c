// The head of an HTTP/1 request, as the parser hands it out.
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
  std::string_view target;  // As it was sent: "/path?query", "http://host/path", "*", "host:443".
  int minorVersion = 1;     // HTTP/1.x
  std::span<const HeaderField> fields;  // In order; a name may stand several times.
  std::span<const std::uint8_t> bytes;  // From the request line to the empty line, both included.
  std::optional<std::uint64_t> length;  // Of the content; 0: none. Nothing: chunked.

  bool upgrade = false;  // Asks for another protocol (RFC 9110, 7.8).
  bool connect = false;  // CONNECT: what follows is a tunnel.
};

/// How many bytes the request has, as far as its head tells, but at most `limit`.
std::size_t sizeUpTo(const RequestHead& head, std::size_t limit);

/// Whether two header or cookie names are the same, without regard to case (ASCII).
bool sameName(std::string_view a, std::string_view b);

/// The first value of that name, or nothing.
std::optional<std::string_view> findField(const RequestHead& head, std::string_view name);

/// The value of a cookie (RFC 6265, 4.2.1), without quotes around it, or nothing.
std::optional<std::string_view> findCookie(const RequestHead& head, std::string_view name);

/// The target's path, without the query: "/a" of "/a?b" and of "http://host/a?b". Empty for "*" and
/// for the authority of a CONNECT.
std::string_view pathOf(std::string_view target);

}  // namespace dormouse::http
