#include "common/query.h"

#include "common/problem.h"
#include "common/utf8.h"

namespace dormouse {
namespace {

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percentDecode(std::string_view text, bool plusIsSpace) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plusIsSpace) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hexValue(text[i + 1]);
      const int low = hexValue(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> parseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const auto key = percentDecode(part.substr(0, equals), true);
    if (!key) throw Problem(400, "a key of the query contains an invalid percent escape");
    const auto value = equals == std::string_view::npos
                           ? std::string()
                           : percentDecode(part.substr(equals + 1), true);
    if (!value) {
      const std::string name = toValidUtf8(*key);
      throw Problem(400, "the value of \"" + name + "\" contains an invalid percent escape", name);
    }
    pairs.emplace_back(*key, *value);
  }
  return pairs;
}

}  // namespace dormouse
