#include "http/http2_upgrade.h"

#include <algorithm>
#include <string_view>

namespace dormouse::http {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto isSpace = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

/// A Connection field's options without those that belong to the upgrade.
std::string otherOptions(std::string_view list) {
  std::string kept;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view option = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (option.empty() || sameName(option, "upgrade") || sameName(option, "http2-settings")) {
      continue;
    }
    if (!kept.empty()) kept += ", ";
    kept += option;
  }
  return kept;
}

}  // namespace

bool asksForHttp2(const RequestHead& head) {
  return head.upgrade && findField(head, "upgrade") == "h2c" && findField(head, "http2-settings");
}

std::string withoutHttp2Question(const RequestHead& head) {
  std::string text;
  text.reserve(head.bytes.size());
  (text += head.method) += ' ';
  (text += head.target) += head.minorVersion == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (const HeaderField& field : head.fields) {
    if (sameName(field.name, "upgrade") || sameName(field.name, "http2-settings")) continue;
    const bool options = sameName(field.name, "connection");
    const std::string value = options ? otherOptions(field.value) : std::string(field.value);
    if (options && value.empty()) continue;
    (text += field.name) += ": ";
    (text += value) += "\r\n";
  }
  return text += "\r\n";
}

}  // namespace dormouse::http
