// Whether a text begins like JSON, in whichever encoding.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dormouse::http {

/// Follows the beginning of one body, up to its first character that is no space. JSON is UTF-8
/// between systems that do not know each other (RFC 8259, 8.1), but a server may take what its
/// older rules allowed (RFC 4627, 3: UTF-16 and UTF-32, of both byte orders), with a mark or
/// without, and trim more than JSON's own blanks: all of Unicode's spaces are taken for such. What
/// is no text can only be mistaken for one, never the other way round. One thread.
class JsonStart {
 public:
  enum class Verdict : std::uint8_t {
    kUndecided,  // So far nothing but spaces, and a part of a character.
    kUtf8,       // An object or an array begins.
    kWide,       // The same in UTF-16 or UTF-32; or a mark of these.
    kNone,       // Neither.
  };

  /// The next bytes. REQUIRES: the last verdict was kUndecided.
  Verdict feed(std::string_view next);

 private:
  /// As units of two or four bytes.
  struct Wide {
    std::uint8_t width = 2;
    bool bigEndian = false;
    bool possible = true;
    std::uint32_t unit = 0;  // What has come of it.
  };

  Verdict take(std::uint8_t byte);
  /// Each returns whether it was what it looks for, and notes if it no longer can be.
  bool takeUtf8(std::uint8_t byte);
  bool takeWide(Wide& reading, std::uint8_t byte) const;

  bool utf8_ = true;          // Still possible.
  std::uint8_t missing_ = 0;  // Bytes of its present character.
  std::uint32_t character_ = 0;
  std::uint8_t offset_ = 0;  // Of the next byte, modulo 4.
  std::array<Wide, 4> wide_{Wide{2, true}, Wide{2, false}, Wide{4, true}, Wide{4, false}};
};

}  // namespace dormouse::http
