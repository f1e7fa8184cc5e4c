#include "common/quote.h"

namespace dormouse {

std::string inQuotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    const bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    out += plain ? c : '?';
  }
  return out + (text.size() > kMost ? "...\"" : "\"");
}

}  // namespace dormouse
