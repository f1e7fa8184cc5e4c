#include "sink/json_line.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "common/utf8.h"

namespace dormouse::sink {
namespace {

/// RFC 4648, 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[group >> (18U - 6U * k) & 63U];
    }
  }
  return text;
}

std::string lowered(std::string_view name) {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return text;
}

}  // namespace

void appendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : toValidUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

void appendMember(std::string& out, std::string_view name, std::string_view text) {
  (out += ",\"") += name;
  out += "\":";
  appendString(out, text);
}

void appendBytes(std::string& out, std::string_view name, std::string_view bytes) {
  if (toValidUtf8(bytes) == bytes) return appendMember(out, name, bytes);
  appendMember(out, std::string(name) + "_base64", base64(bytes));
}

void appendHeaders(std::string& out, std::span<const http::HeaderField> fields,
                   std::string_view member) {
  std::map<std::string, std::string> joined;
  std::vector<std::string_view> setCookies;
  for (const http::HeaderField& field : fields) {
    std::string name = lowered(field.name);
    if (name == "set-cookie") {
      setCookies.push_back(field.value);
      continue;
    }
    const char* const between = name == "cookie" ? "; " : ", ";
    const auto [entry, isNew] = joined.try_emplace(std::move(name), field.value);
    if (!isNew) entry->second.append(between).append(field.value);
  }
  (out += ",\"").append(member) += "\":{";
  bool first = true;
  for (const auto& [name, value] : joined) {
    if (!std::exchange(first, false)) out += ',';
    appendString(out, name);
    out += ':';
    appendString(out, value);
  }
  if (!setCookies.empty()) {
    out += first ? "\"set-cookie\":" : ",\"set-cookie\":";
    char before = '[';
    for (const std::string_view cookie : setCookies) {
      out += std::exchange(before, ',');
      appendString(out, cookie);
    }
    out += ']';
  }
  out += '}';
}

void appendBody(std::string& out, std::string_view shown, std::uint64_t bytes) {
  shown = shown.substr(0, kMaxShownBody);
  out += ",\"body_bytes\":" + std::to_string(bytes);
  if (bytes > shown.size()) out += ",\"body_truncated\":true";
  // Text that is cut in the middle of a character is no UTF-8, and shown as bytes.
  if (bytes > 0) appendBytes(out, "body", shown);
}

}  // namespace dormouse::sink
