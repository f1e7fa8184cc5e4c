#include "sink/json_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
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

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool isControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// What of valid UTF-8 does not stand in a string as it is.
bool needsEscape(char c) {
  return c == '"' || c == '\\' || isControl(c);
}

void appendEscaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  if (!isControl(c)) {
    (out += '\\') += c;
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  ((out += "\\u00") += kHex[byte >> 4U]) += kHex[byte & 15U];
}

/// Whether `a` stands before `b`: by name without regard to case, those of one name as they came.
bool standsBefore(const http::HeaderField* a, const http::HeaderField* b) {
  const auto order = std::lexicographical_compare_three_way(
      a->name.begin(), a->name.end(), b->name.begin(), b->name.end(), [](char x, char y) {
        return static_cast<unsigned char>(lower(x)) <=> static_cast<unsigned char>(lower(y));
      });
  return order == 0 ? a < b : order < 0;
}

}  // namespace

void appendString(std::string& out, std::string_view text) {
  std::string valid;
  if (!isAscii(text)) text = valid = toValidUtf8(text);
  out += '"';
  // Nearly always there is nothing to escape, so what lies between is taken together.
  for (;;) {
    const auto* const special = std::find_if(text.begin(), text.end(), needsEscape);
    out.append(text.begin(), special);
    if (special == text.end()) break;
    appendEscaped(out, *special);
    text.remove_prefix(static_cast<std::size_t>(special - text.begin()) + 1);
  }
  out += '"';
}

void appendMember(std::string& out, std::string_view name, std::uint64_t number) {
  std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits{};
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), number);
  ((out += ",\"") += name) += "\":";
  out.append(digits.begin(), end);
}

void appendMember(std::string& out, std::string_view name, std::string_view text) {
  (out += ",\"") += name;
  out += "\":";
  appendString(out, text);
}

void appendBytes(std::string& out, std::string_view name, std::string_view bytes) {
  if (isValidUtf8(bytes)) return appendMember(out, name, bytes);
  appendMember(out, std::string(name) + "_base64", base64(bytes));
}

void appendHeaders(std::string& out, std::span<const http::HeaderField> fields,
                   std::string_view member) {
  std::vector<const http::HeaderField*> sorted(fields.size());
  std::transform(fields.begin(), fields.end(), sorted.begin(),
                 [](const http::HeaderField& field) { return &field; });
  std::sort(sorted.begin(), sorted.end(), standsBefore);
  ((out += ",\"") += member) += "\":";
  char before = '{';
  std::string name;
  std::string joined;
  for (auto field = sorted.begin(); field != sorted.end();) {
    name.resize((*field)->name.size());
    std::transform((*field)->name.begin(), (*field)->name.end(), name.begin(), lower);
    const auto end = std::find_if(field, sorted.end(), [&](const http::HeaderField* other) {
      return !http::sameName(other->name, name);
    });
    out += std::exchange(before, ',');
    appendString(out, name);
    out += ':';
    if (name == "set-cookie") {
      char between = '[';
      for (; field != end; ++field) {
        out += std::exchange(between, ',');
        appendString(out, (*field)->value);
      }
      out += ']';
    } else if (end - field == 1) {
      appendString(out, (*field++)->value);
    } else {
      joined = (*field++)->value;
      for (; field != end; ++field) (joined += name == "cookie" ? "; " : ", ") += (*field)->value;
      appendString(out, joined);
    }
  }
  out += before == '{' ? "{}" : "}";
}

void appendBody(std::string& out, std::string_view shown, std::uint64_t bytes) {
  shown = shown.substr(0, kMaxShownBody);
  appendMember(out, "body_bytes", bytes);
  if (bytes > shown.size()) out += ",\"body_truncated\":true";
  // Text that is cut in the middle of a character is no UTF-8, and shown as bytes.
  if (bytes > 0) appendBytes(out, "body", shown);
}

}  // namespace dormouse::sink
