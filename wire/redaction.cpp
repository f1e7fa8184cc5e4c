#include "wire/redaction.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "common/member_path.h"
#include "common/quote.h"

namespace dormouse::wire {
namespace {

// A value that says nothing in their place would make another request of it.
constexpr std::array<std::string_view, 7> kOfFraming = {
    "connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"};

}  // namespace

bool isToken(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string parseRedactedHeader(std::string_view text) {
  if (!isToken(text)) {
    throw std::invalid_argument(inQuotes(text) +
                                " is none of a header's name, cookie:NAME and json:PATH");
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  if (std::find(kOfFraming.begin(), kOfFraming.end(), name) != kOfFraming.end()) {
    throw std::invalid_argument(name + " holds no secret, and a request is another without it");
  }
  return name;
}

std::string parseRedaction(std::string_view text) {
  if (text.starts_with(kRedactedMember)) {
    parseMemberPath(text.substr(kRedactedMember.size()));
    if (text.size() > 256) throw std::invalid_argument("a path has at most 256 bytes");
    return std::string(text);
  }
  if (text.starts_with(kRedactedCookie)) {
    const std::string_view name = text.substr(kRedactedCookie.size());
    if (!isToken(name)) throw std::invalid_argument(inQuotes(name) + " is no cookie's name");
    return std::string(text);
  }
  return parseRedactedHeader(text);
}

}  // namespace dormouse::wire
