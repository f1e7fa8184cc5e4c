#include "common/utf8.h"

#include <algorithm>
#include <cstddef>

namespace dormouse {
namespace {

bool inRange(std::string_view text, std::size_t at, unsigned from, unsigned to) {
  if (at >= text.size()) return false;
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte >= from && byte <= to;
}

// The length of the valid sequence that begins at `at`, by the table of RFC 3629, section 4; 0 if
// none does.
std::size_t sequenceLength(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const auto tail = [&](std::size_t i) { return inRange(text, at + i, 0x80, 0xbf); };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // Overlong forms and surrogates are told by the second byte.
    const unsigned from = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned to = first == 0xed ? 0x9f : 0xbf;
    return inRange(text, at + 1, from, to) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned from = first == 0xf0 ? 0x90 : 0x80;
    const unsigned to = first == 0xf4 ? 0x8f : 0xbf;
    return inRange(text, at + 1, from, to) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

/// How many bytes from `at` on are ASCII: nearly always all of them, so they are taken together.
std::size_t asciiLength(std::string_view text, std::size_t at) {
  const auto* const end = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(),
                                       [](char c) { return (c & '\x80') != 0; });
  return static_cast<std::size_t>(end - text.begin()) - at;
}

}  // namespace

bool isAscii(std::string_view text) {
  // All bytes, though the first one may tell: so the compiler takes many at once.
  unsigned char bits = 0;
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return bits < 0x80;
}

bool isValidUtf8(std::string_view text) {
  for (std::size_t at = asciiLength(text, 0); at < text.size(); at += asciiLength(text, at)) {
    const std::size_t length = sequenceLength(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string toValidUtf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t plain = asciiLength(text, at);
    result.append(text, at, plain);
    at += plain;
    if (at == text.size()) break;
    const std::size_t length = sequenceLength(text, at);
    if (length == 0) {
      result += "\xef\xbf\xbd";
      ++at;
    } else {
      result += text.substr(at, length);
      at += length;
    }
  }
  return result;
}

}  // namespace dormouse
