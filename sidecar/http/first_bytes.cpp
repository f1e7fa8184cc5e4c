#include "http/first_bytes.h"

#include <algorithm>

namespace dormouse::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kMaxMethod = 24;  // The longest registered one has 17.

bool isMethodChar(char c) {
  return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/// A target has neither white space nor control characters.
bool isTargetChar(char c) {
  return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
}

/// The origin, absolute and asterisk forms; the authority form is CONNECT's alone.
bool beginsTarget(char c, std::string_view method) {
  if (method == "CONNECT") return isTargetChar(c);
  return c == '/' || c == '*' || c == 'h' || c == 'H';
}

/// Judges what follows the target: "HTTP/1.1\r\n".
FirstBytes judgeVersion(std::string_view rest) {
  const std::size_t known = std::min(rest.size(), kVersion.size());
  if (rest.substr(0, known) != kVersion.substr(0, known)) return FirstBytes::kOther;
  rest.remove_prefix(known);
  if (rest.empty()) return FirstBytes::kUndecided;
  if (rest[0] != '0' && rest[0] != '1') return FirstBytes::kOther;
  rest.remove_prefix(1);
  constexpr std::string_view kEnd = "\r\n";
  const std::size_t end = std::min(rest.size(), kEnd.size());
  if (rest.substr(0, end) != kEnd.substr(0, end)) return FirstBytes::kOther;
  return end == kEnd.size() ? FirstBytes::kHttp1 : FirstBytes::kUndecided;
}

}  // namespace

FirstBytes judgeFirstBytes(std::string_view bytes) {
  const std::size_t known = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, known) == kPreface.substr(0, known)) {
    return known == kPreface.size() ? FirstBytes::kHttp2 : FirstBytes::kUndecided;
  }
  const std::size_t method = static_cast<std::size_t>(
      std::find_if_not(bytes.begin(), bytes.end(), isMethodChar) - bytes.begin());
  if (method > kMaxMethod) return FirstBytes::kOther;
  if (method == bytes.size()) return FirstBytes::kUndecided;
  if (method == 0 || bytes[method] != ' ') return FirstBytes::kOther;
  const std::string_view rest = bytes.substr(method + 1);
  if (rest.empty()) return FirstBytes::kUndecided;
  if (!beginsTarget(rest[0], bytes.substr(0, method))) return FirstBytes::kOther;
  const auto* const end = std::find_if_not(rest.begin(), rest.end(), isTargetChar);
  if (end == rest.end()) return FirstBytes::kUndecided;
  if (*end != ' ') return FirstBytes::kOther;
  return judgeVersion(rest.substr(static_cast<std::size_t>(end - rest.begin()) + 1));
}

}  // namespace dormouse::http
