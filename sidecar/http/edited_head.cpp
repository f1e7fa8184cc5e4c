#include "http/edited_head.h"

#include <algorithm>

#include "http/request_filter.h"

namespace dormouse::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// A part of a text that may still move.
struct Part {
  std::size_t at = 0;
  std::size_t size = 0;
  std::string_view in(std::string_view text) const { return text.substr(at, size); }
};

Part append(std::string& text, std::string_view piece) {
  const Part part{text.size(), piece.size()};
  text += piece;
  return part;
}

struct FieldParts {
  Part name;
  Part value;
};

std::optional<std::string> hidden(const Redactor* redactor, const HeaderField& field) {
  return redactor == nullptr ? std::nullopt : redactor->value(field);
}

FieldParts appendField(std::string& text, std::string_view name, std::string_view value) {
  FieldParts parts;
  parts.name = append(text, name);
  text += ": ";
  parts.value = append(text, value);
  text += kLineEnd;
  return parts;
}

}  // namespace

bool HeadEdits::change(const RequestHead& head) const {
  if (!mark.empty() || length || hidden(redactor, {"host", head.authority})) return true;
  return std::any_of(head.fields.begin(), head.fields.end(), [this](const HeaderField& field) {
    return (newBody && isBodyDigest(field.name)) || hidden(redactor, field).has_value();
  });
}

EditedHead::EditedHead(const RequestHead& original, const HeadEdits& edits) : head_(original) {
  text_.reserve(headSize(original) + 64);
  // What HTTP/2 sends instead of a Host field; of a CONNECT it is the target, too.
  const bool hideHost = !original.authority.empty() &&
                        hidden(edits.redactor, {"host", original.authority}).has_value();
  const bool hideTarget = hideHost && original.target == original.authority;
  const Part method = append(text_, original.method);
  text_ += ' ';
  const Part target = append(text_, hideTarget ? Redactor::kMarker : original.target);
  text_ += original.minorVersion == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  std::vector<FieldParts> parts;
  parts.reserve(original.fields.size() + 1);
  Redactor::Section section(edits.redactor);
  for (const HeaderField& field : original.fields) {
    std::optional<std::string> value = section.value(field);
    if (edits.newBody && isBodyDigest(field.name)) continue;
    if (edits.length && sameName(field.name, "content-length")) {
      value = std::to_string(*edits.length);
    }
    parts.push_back(appendField(text_, field.name, value ? *value : field.value));
  }
  if (!edits.mark.empty()) parts.push_back(appendField(text_, kMark, edits.mark));
  text_ += kLineEnd;
  const std::size_t end = text_.size();
  const Part scheme = append(text_, original.scheme);
  const Part authority = append(text_, hideHost ? Redactor::kMarker : original.authority);
  const Part protocol = append(text_, original.protocol);

  fields_.reserve(parts.size());
  for (const FieldParts& field : parts) {
    fields_.push_back({field.name.in(text_), field.value.in(text_)});
  }
  head_.method = method.in(text_);
  head_.target = target.in(text_);
  head_.scheme = scheme.in(text_);
  head_.authority = authority.in(text_);
  head_.protocol = protocol.in(text_);
  head_.fields = fields_;
  if (!original.isHttp2()) {
    head_.bytes = {reinterpret_cast<const std::uint8_t*>(text_.data()), end};
  }
  if (edits.length && original.length) head_.length = edits.length;
}

std::string editedTrailers(std::string_view framing, const Redactor& redactor, bool newBody) {
  // The line end of the last chunk's data, if there was any, and the last size.
  if (framing.starts_with(kLineEnd)) framing.remove_prefix(kLineEnd.size());
  framing.remove_prefix(std::min(framing.find(kLineEnd), framing.size() - kLineEnd.size()) +
                        kLineEnd.size());
  std::string result = "0\r\n";
  Redactor::Section section(&redactor);
  while (!framing.starts_with(kLineEnd)) {
    const std::string_view line = framing.substr(0, framing.find(kLineEnd));
    framing.remove_prefix(line.size() + kLineEnd.size());
    const std::size_t colon = line.find(':');
    const std::size_t begin = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    const HeaderField field{line.substr(0, colon), line.substr(begin)};
    const std::optional<std::string> value = section.value(field);
    if (newBody && isBodyDigest(field.name)) continue;
    appendField(result, field.name, value ? *value : field.value);
  }
  return result.append(kLineEnd);
}

}  // namespace dormouse::http
