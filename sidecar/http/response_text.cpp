#include "http/response_text.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "http/response_head.h"

namespace dormouse::http {
namespace {

constexpr std::string_view kVersion2 = "HTTP/2 ";
constexpr std::string_view kLineEnd = "\r\n";

/// The next line without its end, cut off the front; nothing if there is none.
std::optional<std::string_view> takeLine(std::string_view& text) {
  const std::size_t end = text.find(kLineEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + kLineEnd.size());
  return line;
}

/// Fields up to an empty line. False if they are none.
bool takeFields(std::string_view& text, std::vector<HeaderField>& fields) {
  while (const auto line = takeLine(text)) {
    if (line->empty()) return true;
    const std::size_t colon = line->find(": ");
    if (colon == 0 || colon == std::string_view::npos) return false;
    fields.push_back({line->substr(0, colon), line->substr(colon + 2)});
  }
  return false;
}

std::string parseHttp2(std::string_view text, ResponseText& parsed) {
  const std::string_view whole = text;
  const auto line = takeLine(text);
  const std::string_view digits = line ? line->substr(kVersion2.size()) : std::string_view();
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.size() != 3 || !std::all_of(digits.begin(), digits.end(), isDigit) ||
      digits.front() == '0') {
    return "a status line that is none";
  }
  parsed.statusLine = whole.substr(0, line->size() + kLineEnd.size());
  for (const char digit : digits) parsed.status = parsed.status * 10 + (digit - '0');
  if (!takeFields(text, parsed.fields)) return "a header field that is none";
  if (!text.empty() && !takeFields(text, parsed.trailers)) return "a trailer that is none";
  return text.empty() ? "" : "bytes behind the head";
}

}  // namespace

std::string parseResponseText(std::string_view text, ResponseText& parsed) {
  parsed = {};
  if (text.size() > kMaxResponseText) return "a head that is larger than 128 KiB";
  if (text.starts_with(kVersion2)) return parseHttp2(text, parsed);
  ResponseHead head;
  std::string wrong = parseResponseHead(
      {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, parsed.fields, head);
  if (!wrong.empty()) return wrong;
  parsed.status = head.status;
  parsed.statusLine = text.substr(0, text.find('\n') + 1);
  return {};
}

std::string http2StatusLine(int status) {
  return std::string(kVersion2) + std::to_string(status) + std::string(kLineEnd);
}

void appendFieldLines(std::string& text, std::span<const HeaderField> fields) {
  for (const HeaderField& field : fields) {
    text.append(field.name).append(": ").append(field.value).append(kLineEnd);
  }
  text.append(kLineEnd);
}

}  // namespace dormouse::http
