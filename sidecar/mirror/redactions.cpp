#include "mirror/redactions.h"

#include <algorithm>

#include "common/member_path.h"
#include "wire/redaction.h"

namespace dormouse::mirror {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](const std::string& one) { return http::sameName(one, name); });
}

}  // namespace

Redactions::Redactions(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.starts_with(wire::kRedactedCookie)) {
      rules_.cookies.push_back(text.substr(wire::kRedactedCookie.size()));
    } else if (text.starts_with(wire::kRedactedMember)) {
      rules_.members.push_back(parseMemberPath(text.substr(wire::kRedactedMember.size())));
    } else {
      rules_.headers.push_back(text);
    }
  }
}

bool Redactions::hideHeader(std::string_view name) const {
  return contains(rules_.headers, name) ||
         (!rules_.cookies.empty() && http::sameName(name, "cookie"));
}

bool Redactions::hideKey(std::string_view by) const {
  constexpr std::string_view kHeader = "header:";
  constexpr std::string_view kCookie = "cookie:";
  if (by == "trace") return hideHeader("traceparent");
  if (by.starts_with(kHeader)) return hideHeader(by.substr(kHeader.size()));
  if (!by.starts_with(kCookie)) return false;
  return contains(rules_.headers, "cookie") || contains(rules_.cookies, by.substr(kCookie.size()));
}

}  // namespace dormouse::mirror
