// What a connection's first bytes tell about the protocol that it speaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dormouse::http {

enum class FirstBytes : std::uint8_t {
  kUndecided,  // May still become a request line.
  kHttp1,      // A whole request line of HTTP/1 (RFC 9112, 3).
  kHttp2,      // The whole preface of HTTP/2 (RFC 9113, 3.4).
  kOther,      // Neither.
};

/// Judges the bytes from a connection's beginning, each byte once: however small the pieces are,
/// the work is linear. A request line is a method of at most 24 capital letters, '-' and '_'; a
/// target that begins like one of the four forms of RFC 9112, 3.2; and the version. Protocols with
/// other words than these are decided by the first byte that differs, most by their first or second
/// word.
class FirstBytesJudge {
 public:
  /// The next bytes, in order. Once it is decided, the answer stays.
  FirstBytes feed(std::span<const std::uint8_t> bytes);

 private:
  /// Each names what comes next on the request line.
  enum class Expect : std::uint8_t { kMethod, kTargetBegin, kTarget, kVersion };

  FirstBytes afterByte(char c);
  FirstBytes onLine(char c);
  FirstBytes inMethod(char c);
  FirstBytes inVersion(char c);

  FirstBytes answer_ = FirstBytes::kUndecided;
  FirstBytes line_ = FirstBytes::kUndecided;  // What the bytes are if they are not the preface.
  Expect expect_ = Expect::kMethod;
  bool maybePreface_ = true;
  bool maybeConnect_ = true;     // The method so far.
  std::uint8_t count_ = 0;       // Bytes so far, while they may be the preface.
  std::uint8_t wordLength_ = 0;  // Of the method so far, then of the version.
};

}  // namespace dormouse::http
