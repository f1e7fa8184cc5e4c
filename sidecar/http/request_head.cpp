#include "http/request_head.h"

#include <algorithm>

namespace dormouse::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::size_t headSize(const RequestHead& head) {
  if (!head.isHttp2()) return head.bytes.size();
  constexpr std::size_t kBetween = 4;  // ": " and the line's end.
  std::size_t size = head.method.size() + head.target.size() + head.scheme.size() +
                     head.authority.size() + head.protocol.size() + 5 * kBetween;
  for (const HeaderField& field : head.fields) {
    size += field.name.size() + field.value.size() + kBetween;
  }
  return size;
}

std::size_t sizeUpTo(const RequestHead& head, std::size_t limit) {
  // Cut first: a client may announce any number, and the sum would wrap.
  const std::size_t fromHead = std::min(headSize(head), limit);
  const std::uint64_t body = std::min<std::uint64_t>(head.length.value_or(0), limit - fromHead);
  return fromHead + static_cast<std::size_t>(body);
}

bool sameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> findField(const RequestHead& head, std::string_view name) {
  for (const HeaderField& field : head.fields) {
    if (sameName(field.name, name)) return field.value;
  }
  // RFC 9113, 8.3.1: it stands for the Host field of HTTP/1.
  if (!head.authority.empty() && sameName(name, "host")) return head.authority;
  return std::nullopt;
}

std::optional<std::string_view> findCookie(const RequestHead& head, std::string_view name) {
  for (const HeaderField& field : head.fields) {
    if (!sameName(field.name, "cookie")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const std::size_t equals = pair.find('=');
      // Cookie names, unlike header names, are case-sensitive.
      if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != name) continue;
      std::string_view value = trimmed(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
  }
  return std::nullopt;
}

std::string_view pathOf(std::string_view target) {
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::size_t path = target.find_first_of("/?", scheme + 3);
    // RFC 9110, 4.2.3: an absolute URI without a path has the path "/".
    if (path == std::string_view::npos || target[path] == '?') return "/";
    target.remove_prefix(path);
  }
  return target.substr(0, target.find('?'));
}

}  // namespace dormouse::http
