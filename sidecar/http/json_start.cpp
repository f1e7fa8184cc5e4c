#include "http/json_start.h"

#include <utility>

namespace dormouse::http {
namespace {

constexpr std::uint32_t kMark = 0xfeff;  // The byte order mark, once a space of no width.

bool opens(std::uint32_t character) {
  return character == '{' || character == '[';
}

/// What some language's trimming takes away: White_Space of Unicode, the separators of ASCII, and
/// what has no width.
bool isSpace(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || c == 0x180e || (c >= 0x2000 && c <= 0x200f) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x2060 || c == 0x3000 || c == kMark;
}

}  // namespace

JsonStart::Verdict JsonStart::feed(std::string_view next) {
  Verdict verdict = Verdict::kUndecided;
  for (const char c : next) {
    verdict = take(static_cast<std::uint8_t>(c));
    if (verdict != Verdict::kUndecided) break;
  }
  return verdict;
}

JsonStart::Verdict JsonStart::take(std::uint8_t byte) {
  if (utf8_ && takeUtf8(byte)) return Verdict::kUtf8;
  bool possible = utf8_;
  for (Wide& reading : wide_) {
    if (reading.possible && takeWide(reading, byte)) return Verdict::kWide;
    possible |= reading.possible;
  }
  offset_ = (offset_ + 1U) % 4U;
  return possible ? Verdict::kUndecided : Verdict::kNone;
}

bool JsonStart::takeUtf8(std::uint8_t byte) {
  if (missing_ > 0) {
    utf8_ = (byte & 0xc0U) == 0x80;
    character_ = character_ << 6U | (byte & 0x3fU);
    --missing_;
  } else if (byte < 0x80) {
    character_ = byte;
  } else {
    // Overlong forms, too, which some decoders take. No space has four bytes.
    utf8_ = byte >= 0xc0 && byte < 0xf0;
    missing_ = byte < 0xe0 ? 1 : 2;
    character_ = byte & (byte < 0xe0 ? 0x1fU : 0x0fU);
  }
  if (!utf8_ || missing_ > 0) return false;
  utf8_ = isSpace(character_);
  return opens(character_);
}

bool JsonStart::takeWide(Wide& reading, std::uint8_t byte) const {
  const unsigned at = offset_ % reading.width;
  const unsigned place = reading.bigEndian ? reading.width - 1U - at : at;
  if (place >= 2) {
    reading.possible = byte == 0;  // Nothing that matters lies above U+FFFF.
  } else {
    reading.unit |= std::uint32_t{byte} << 8U * place;
  }
  if (!reading.possible || at + 1U < reading.width) return false;
  const std::uint32_t character = std::exchange(reading.unit, 0);
  reading.possible = isSpace(character);
  return opens(character) || character == kMark;
}

}  // namespace dormouse::http
