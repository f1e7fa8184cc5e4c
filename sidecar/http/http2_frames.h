// The framing layer of HTTP/2 (RFC 9113, 4.1): what every frame begins with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dormouse::http {

/// What a client sends first (RFC 9113, 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The frame types that matter to whoever reads messages (RFC 9113, 6).
enum class Http2Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPushPromise = 5,
  kContinuation = 9,
};

// Flags; each has its meaning in the frames named.
inline constexpr std::uint8_t kHttp2EndStream = 0x1;   // DATA, HEADERS
inline constexpr std::uint8_t kHttp2Ack = 0x1;         // SETTINGS
inline constexpr std::uint8_t kHttp2EndHeaders = 0x4;  // HEADERS, PUSH_PROMISE, CONTINUATION
inline constexpr std::uint8_t kHttp2Padded = 0x8;      // DATA, HEADERS, PUSH_PROMISE
inline constexpr std::uint8_t kHttp2Priority = 0x20;   // HEADERS

struct Http2Frame {
  static constexpr std::size_t kHeadBytes = 9;

  std::uint32_t length = 0;  // Of the payload; at most 2^24 - 1.
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;  // Without the reserved bit.

  bool is(Http2Type wanted) const { return type == static_cast<std::uint8_t>(wanted); }
  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

Http2Frame readHttp2Frame(std::span<const std::uint8_t, Http2Frame::kHeadBytes> bytes);

/// Whether a segment from the middle of a connection is made of nothing but whole frames as an
/// HTTP/2 client may send them, at least one. A guess: other bytes can look like that, but hardly
/// any do.
bool looksLikeHttp2(std::span<const std::uint8_t> segment);

}  // namespace dormouse::http
