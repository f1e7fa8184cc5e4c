#include "sink/http2_head.h"

namespace dormouse::sink {

std::vector<wire::FieldView> http2Fields(const http::RequestHead& head) {
  std::vector<wire::FieldView> fields;
  fields.reserve(head.fields.size() + 5);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) fields.push_back({name, value});
  };
  add(":method", head.method);
  add(":scheme", head.scheme);
  add(":authority", head.authority);
  // A plain CONNECT has none (RFC 9113, 8.5).
  if (!head.scheme.empty()) add(":path", head.target);
  add(":protocol", head.protocol);
  for (const http::HeaderField& field : head.fields) fields.push_back({field.name, field.value});
  return fields;
}

std::vector<wire::FieldView> http2Fields(std::span<const http::HeaderField> fields) {
  std::vector<wire::FieldView> views;
  views.reserve(fields.size());
  for (const http::HeaderField& field : fields) views.push_back({field.name, field.value});
  return views;
}

}  // namespace dormouse::sink
