// Recognises TLS by a connection's first bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dormouse::http {

/// Decides whether a stream begins with a TLS ClientHello: a handshake record of version 3.x with
/// a plausible length (RFC 8446, 5.1), whose first message is a client_hello (4). Holds back at
/// most five bytes, and only as long as they still look like one, so that other protocols are
/// decided by their first byte.
class TlsHello {
 public:
  enum class Answer : std::uint8_t { kUndecided, kTls, kOther };

  /// The next bytes of the stream. Bytes taken while undecided are in held() and belong in front
  /// of what comes next.
  Answer feed(std::span<const std::uint8_t> bytes);
  std::span<const std::uint8_t> held() const { return {held_.data(), count_}; }

 private:
  static constexpr std::size_t kNeeded = 6;
  std::array<std::uint8_t, kNeeded> held_{};
  std::size_t count_ = 0;
};

}  // namespace dormouse::http
