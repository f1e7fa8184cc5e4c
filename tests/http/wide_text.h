// Texts in UTF-16 and UTF-32.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace dormouse::testing {

struct Wide {
  unsigned width;  // Bytes of a unit.
  bool bigEndian;
};

inline constexpr std::array<Wide, 4> kWides = {{{2, true}, {2, false}, {4, true}, {4, false}}};

/// REQUIRES: no surrogates.
inline std::string encoded(const Wide& wide, std::u16string_view text) {
  std::string bytes;
  for (const char16_t c : text) {
    for (unsigned at = 0; at < wide.width; ++at) {
      const unsigned place = wide.bigEndian ? wide.width - 1 - at : at;
      bytes += place < 2 ? static_cast<char>(static_cast<unsigned>(c) >> 8 * place & 0xffU) : '\0';
    }
  }
  return bytes;
}

/// The same of a text of ASCII.
inline std::string encoded(const Wide& wide, std::string_view text) {
  return encoded(wide, std::u16string(text.begin(), text.end()));
}

}  // namespace dormouse::testing
