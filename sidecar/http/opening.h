// Recognises by a connection's first bytes what must not be passed on as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "http/http2_frames.h"
#include "http/tls_hello.h"

namespace dormouse::http {

/// Decides whether a stream begins with a TLS ClientHello (see TlsHello) or with the preface of
/// HTTP/2. Holds back at most 23 bytes, and only as long as they still look like one of them, so
/// that other protocols are decided by their first byte or word.
class Opening {
 public:
  enum class Answer : std::uint8_t { kUndecided, kTls, kHttp2, kOther };

  /// The next bytes of the stream. Bytes taken while undecided are in held() and belong in front
  /// of what comes next.
  Answer feed(std::span<const std::uint8_t> bytes);
  std::span<const std::uint8_t> held() const { return {held_.data(), count_}; }

 private:
  std::array<std::uint8_t, kHttp2Preface.size()> held_{};
  std::size_t count_ = 0;
  TlsHello tls_;
};

}  // namespace dormouse::http
