#include "mirror/response_editor.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/response_text.h"

namespace dormouse::mirror {
namespace {

/// Server-sent events: JSON within lines that are none.
bool hasEvents(const std::vector<http::HeaderField>& fields) {
  return std::any_of(fields.begin(), fields.end(), [](const http::HeaderField& field) {
    constexpr std::string_view kType = "text/event-stream";
    return http::sameName(field.name, "content-type") &&
           http::sameName(field.value.substr(0, kType.size()), kType);
  });
}

}  // namespace

Reason ResponseEditor::response(const ResponseInfo& info) {
  if (info.response == nullptr) return sink_.response(info);
  ResponseInfo changed = info;
  const auto response = edited(*info.response);
  changed.response = response ? &*response : nullptr;
  if (response) return sink_.response(changed);
  changed.missing = Reason::kUnredactable;
  sink_.response(changed);
  return Reason::kUnredactable;
}

void ResponseEditor::appendEdited(std::string& head, const std::vector<http::HeaderField>& fields,
                                  bool newBody) const {
  http::Redactor::Section section(&redactor_);
  for (const http::HeaderField& field : fields) {
    const auto value = section.value(field);
    if (newBody && http::isBodyDigest(field.name)) continue;
    head.append(field.name).append(": ");
    head.append(value ? std::string_view(*value) : field.value).append("\r\n");
  }
  head += "\r\n";
}

std::optional<http::PairedResponse> ResponseEditor::edited(
    const http::PairedResponse& response) const {
  http::ResponseText text;
  if (!http::parseResponseText(response.head, text).empty()) return std::nullopt;

  const bool whole = response.body.size() == response.bodyBytes;
  const bool judged = redactor_.ofBodies() && response.bodyBytes > 0;
  if (judged && hasEvents(text.fields)) return std::nullopt;
  http::PairedResponse result;
  switch (judged ? redactor_.judge(text.fields, response.body, whole)
                 : http::Redactor::Body::kPlain) {
    case http::Redactor::Body::kPlain:
      result.body = response.body;
      result.bodyBytes = response.bodyBytes;
      break;
    case http::Redactor::Body::kJson: {
      std::optional<std::string> body;
      if (whole) body = redactor_.json(response.body);
      if (!body) return std::nullopt;
      result.body = std::move(*body);
      result.bodyBytes = result.body.size();
      break;
    }
    case http::Redactor::Body::kUndecided:
    case http::Redactor::Body::kOpaque:
      return std::nullopt;
  }
  result.request = response.request;
  result.status = response.status;
  result.latency = response.latency;
  result.timestamp = response.timestamp;
  const bool newBody = result.body != response.body;
  result.head = text.statusLine;  // It stays as it is.
  appendEdited(result.head, text.fields, newBody);
  if (!text.trailers.empty()) appendEdited(result.head, text.trailers, newBody);
  return result;
}

}  // namespace dormouse::mirror
