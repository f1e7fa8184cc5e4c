#include "http/redactor.h"

#include <algorithm>
#include <utility>

namespace dormouse::http {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](const std::string& one) { return sameName(one, name); });
}

bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

/// The end of a cookie's value that begins at `begin`: a semicolon, but not one within quotes,
/// which some servers take for a part of it. A quote that is not closed goes on to the end.
std::size_t endOfCookie(std::string_view text, std::size_t begin) {
  const std::size_t first = std::min(text.find_first_not_of(" \t", begin), text.size());
  if (first == text.size() || text[first] != '"')
    return std::min(text.find(';', begin), text.size());
  std::size_t at = first + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2U : 1U;
  return std::min(text.find(';', std::min(at, text.size())), text.size());
}

/// The values of these cookies replaced; nothing if there are none. Servers disagree on what
/// separates cookies, so a name counts behind a comma, too, and its value lasts up to the next
/// semicolon.
std::optional<std::string> withoutCookies(std::string_view text,
                                          const std::vector<std::string>& names) {
  std::string result;
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(";,=", at), text.size());
    const std::string_view name = trimmed(text.substr(at, end - at));
    // Some servers end a cookie at a blank, too.
    const std::string_view lastWord = name.substr(name.find_last_of(" \t") + 1);
    const bool named = end < text.size() && text[end] == '=' &&
                       (contains(names, name) || contains(names, lastWord));
    const std::size_t taken = std::min(end + 1, text.size());
    result.append(text.substr(at, taken - at));
    at = taken;
    if (!named) continue;
    found = true;
    result.append(Redactor::kMarker);
    at = endOfCookie(text, at);
  }
  if (!found) return std::nullopt;
  return result;
}

bool holds(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return sameName({&a, 1}, {&b, 1}); }) != text.end();
}

}  // namespace

Redactor::Redactor(RedactionRules rules)
    : headers_(std::move(rules.headers)),
      cookies_(std::move(rules.cookies)),
      json_(rules.members) {}

std::optional<std::string> Redactor::value(const HeaderField& field) const {
  if (contains(headers_, field.name)) return std::string(kMarker);
  if (cookies_.empty()) return std::nullopt;
  if (!sameName(field.name, "cookie") && !sameName(field.name, "set-cookie")) return std::nullopt;
  return withoutCookies(field.value, cookies_);
}

Redactor::Body Redactor::judge(std::span<const HeaderField> fields, std::string_view begin,
                               bool whole) const {
  if (json_.empty()) return Body::kPlain;
  bool named = false;
  for (const HeaderField& field : fields) {
    if (sameName(field.name, "content-encoding") && !field.value.empty() &&
        !sameName(field.value, "identity")) {
      return Body::kOpaque;
    }
    named |= sameName(field.name, "content-type") && holds(field.value, "json");
  }
  if (named) return Body::kJson;
  using std::string_view_literals::operator""sv;
  constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";
  static_assert(kUtf8Mark.size() == kBeginning);
  if (begin.size() < kUtf8Mark.size() && !whole) return Body::kUndecided;
  // UTF-16, with its mark or without.
  for (const std::string_view mark : {"\xfe\xff"sv, "\xff\xfe"sv, "\0{"sv, "\0["sv}) {
    if (begin.starts_with(mark)) return Body::kOpaque;
  }
  if (begin.starts_with(kUtf8Mark)) begin.remove_prefix(kUtf8Mark.size());
  const Body body = decideFurther(begin);
  return body == Body::kUndecided && whole ? Body::kPlain : body;
}

Redactor::Body Redactor::decideFurther(std::string_view next) {
  const auto first = std::find_if_not(next.begin(), next.end(), isBlank);
  if (first == next.end()) return Body::kUndecided;
  return *first == '{' || *first == '[' ? Body::kJson : Body::kPlain;
}

std::optional<std::string> Redactor::body(std::span<const HeaderField> fields,
                                          std::string_view body) const {
  if (body.empty()) return std::string();
  switch (judge(fields, body, true)) {
    case Body::kPlain:
      return std::string(body);
    case Body::kJson:
      return json_.redact(body);
    case Body::kUndecided:
    case Body::kOpaque:
      break;
  }
  return std::nullopt;
}

}  // namespace dormouse::http
