#include "http/first_bytes.h"

#include <string_view>

namespace dormouse::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kConnect = "CONNECT";
constexpr std::string_view kVersion = "HTTP/1.?\r\n";  // '?' is 0 or 1.
constexpr std::size_t kMaxMethod = 24;                 // The longest registered one has 17.

bool isMethodChar(char c) {
  return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/// A target has neither white space nor control characters.
bool isTargetChar(char c) {
  return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
}

/// The origin, absolute and asterisk forms; the authority form is CONNECT's alone.
bool beginsTarget(char c, bool isConnect) {
  return isConnect ? isTargetChar(c) : c == '/' || c == '*' || c == 'h' || c == 'H';
}

}  // namespace

FirstBytes FirstBytesJudge::feed(std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    if (answer_ != FirstBytes::kUndecided) break;
    answer_ = afterByte(static_cast<char>(byte));
  }
  return answer_;
}

FirstBytes FirstBytesJudge::afterByte(char c) {
  if (line_ == FirstBytes::kUndecided) line_ = onLine(c);
  if (!maybePreface_) return line_;
  maybePreface_ = c == kPreface[count_];
  if (!maybePreface_) return line_;
  return ++count_ == kPreface.size() ? FirstBytes::kHttp2 : FirstBytes::kUndecided;
}

FirstBytes FirstBytesJudge::onLine(char c) {
  switch (expect_) {
    case Expect::kMethod:
      return inMethod(c);
    case Expect::kTargetBegin:
      expect_ = Expect::kTarget;
      return beginsTarget(c, maybeConnect_) ? FirstBytes::kUndecided : FirstBytes::kOther;
    case Expect::kTarget:
      if (c == ' ') expect_ = Expect::kVersion;
      return c == ' ' || isTargetChar(c) ? FirstBytes::kUndecided : FirstBytes::kOther;
    case Expect::kVersion:
      return inVersion(c);
  }
  return FirstBytes::kOther;
}

FirstBytes FirstBytesJudge::inMethod(char c) {
  if (c == ' ') {
    if (wordLength_ == 0) return FirstBytes::kOther;
    maybeConnect_ = maybeConnect_ && wordLength_ == kConnect.size();
    expect_ = Expect::kTargetBegin;
    wordLength_ = 0;
    return FirstBytes::kUndecided;
  }
  if (!isMethodChar(c) || wordLength_ == kMaxMethod) return FirstBytes::kOther;
  maybeConnect_ = maybeConnect_ && wordLength_ < kConnect.size() && c == kConnect[wordLength_];
  ++wordLength_;
  return FirstBytes::kUndecided;
}

FirstBytes FirstBytesJudge::inVersion(char c) {
  const char wanted = kVersion[wordLength_];
  const bool right = wanted == '?' ? c == '0' || c == '1' : c == wanted;
  if (!right) return FirstBytes::kOther;
  return ++wordLength_ == kVersion.size() ? FirstBytes::kHttp1 : FirstBytes::kUndecided;
}

}  // namespace dormouse::http
