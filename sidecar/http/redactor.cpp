#include "http/redactor.h"

#include <algorithm>
#include <array>
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
/// which some servers take for a part of it. A quote that is not closed goes on to the end, and
/// `quoted` is set.
std::size_t endOfCookie(std::string_view text, std::size_t begin, bool& quoted) {
  const std::size_t first = std::min(text.find_first_not_of(" \t", begin), text.size());
  if (first == text.size() || text[first] != '"')
    return std::min(text.find(';', begin), text.size());
  std::size_t at = first + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2U : 1U;
  quoted |= at >= text.size();
  return std::min(text.find(';', std::min(at, text.size())), text.size());
}

/// The values of these cookies replaced; nothing if there are none. Servers disagree on what
/// separates cookies, so a name counts behind a comma, too, and its value lasts up to the next
/// semicolon.
std::optional<std::string> withoutCookies(std::string_view text,
                                          const std::vector<std::string>& names, bool& quoted) {
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
    at = endOfCookie(text, at, quoted);
  }
  if (!found) return std::nullopt;
  return result;
}

/// Where the word stands, or npos.
std::size_t find(std::string_view text, std::string_view word) {
  const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(),
                                 [](char a, char b) { return sameName({&a, 1}, {&b, 1}); });
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

bool holds(std::string_view text, std::string_view word) {
  return find(text, word) != std::string_view::npos;
}

/// Whether the body can be read as what it is, by the charset that a Content-Type names, if any. In
/// one that is not known here (UTF-7, EBCDIC) other bytes could be JSON, or another JSON.
bool isReadable(std::string_view contentType) {
  constexpr std::string_view kParameter = "charset";
  constexpr std::array<std::string_view, 10> kKnown = {
      "utf-8", "utf8",      "utf-16", "utf-32",      "us-ascii",
      "ascii", "iso-8859-", "latin",  "windows-125", "cp125"};
  for (std::size_t at = find(contentType, kParameter); at != std::string_view::npos;
       at = find(contentType, kParameter)) {
    contentType.remove_prefix(at + kParameter.size());
    const std::size_t value = contentType.find_first_not_of(" \t=\"'");
    const std::string_view charset = contentType.substr(std::min(value, contentType.size()));
    if (std::none_of(kKnown.begin(), kKnown.end(), [charset](std::string_view known) {
          return sameName(charset.substr(0, known.size()), known);
        })) {
      return false;
    }
  }
  return true;
}

}  // namespace

Redactor::Redactor(RedactionRules rules)
    : headers_(std::move(rules.headers)),
      cookies_(std::move(rules.cookies)),
      json_(rules.members) {}

bool isBodyDigest(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"content-digest", "repr-digest", "digest",
                                                      "content-md5"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [name](std::string_view one) { return sameName(one, name); });
}

std::optional<std::string> Redactor::value(const HeaderField& field) const {
  bool quoted = false;
  return value(field, quoted);
}

std::optional<std::string> Redactor::Section::value(const HeaderField& field) {
  if (redactor_ == nullptr) return std::nullopt;
  if (quoted_ && sameName(field.name, "cookie")) return std::string(kMarker);
  bool quoted = false;
  std::optional<std::string> result = redactor_->value(field, quoted);
  quoted_ |= quoted && sameName(field.name, "cookie");
  return result;
}

std::optional<std::string> Redactor::value(const HeaderField& field, bool& quoted) const {
  if (contains(headers_, field.name)) return std::string(kMarker);
  if (cookies_.empty()) return std::nullopt;
  if (!sameName(field.name, "cookie") && !sameName(field.name, "set-cookie")) return std::nullopt;
  return withoutCookies(field.value, cookies_, quoted);
}

Redactor::Body Redactor::judgeFields(std::span<const HeaderField> fields) const {
  if (json_.empty()) return Body::kPlain;
  Body body = Body::kUndecided;
  for (const HeaderField& field : fields) {
    if (sameName(field.name, "content-encoding") && !field.value.empty() &&
        !sameName(field.value, "identity")) {
      return Body::kOpaque;
    }
    if (!sameName(field.name, "content-type")) continue;
    if (!isReadable(field.value)) return Body::kOpaque;
    if (holds(field.value, "json")) body = Body::kJson;
  }
  return body;
}

Redactor::Body Redactor::judgeNext(JsonStart& start, std::string_view next) {
  switch (start.feed(next)) {
    case JsonStart::Verdict::kUndecided:
      return Body::kUndecided;
    case JsonStart::Verdict::kUtf8:
      return Body::kJson;
    case JsonStart::Verdict::kWide:
      return Body::kOpaque;
    case JsonStart::Verdict::kNone:
      break;
  }
  return Body::kPlain;
}

Redactor::Body Redactor::judge(std::span<const HeaderField> fields, std::string_view begin,
                               bool whole) const {
  Body body = judgeFields(fields);
  JsonStart start;
  if (body == Body::kUndecided) body = judgeNext(start, begin);
  return body == Body::kUndecided && whole ? Body::kPlain : body;
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
