// Keeps what the parser tells, so that two runs over the same bytes can be compared.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/http1_parser.h"

namespace dormouse::http {

inline std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string textOf(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct SeenRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string raw;      // Head and body as they were sent.
  std::string content;  // The body without its framing.
  bool ended = false;

  bool operator==(const SeenRequest&) const = default;
};

class RequestLog final : public RequestListener {
 public:
  void onHead(const RequestHead& head) override {
    SeenRequest request;
    request.method = head.method;
    request.target = head.target;
    for (const HeaderField& field : head.fields)
      request.fields.emplace_back(field.name, field.value);
    request.raw = textOf(head.bytes);
    requests.push_back(std::move(request));
  }
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override {
    requests.back().raw += textOf(raw);
    requests.back().content += textOf(content);
  }
  void onRequestEnd() override { requests.back().ended = true; }
  void onOther(std::span<const std::uint8_t> bytes) override { other += textOf(bytes); }

  bool operator==(const RequestLog& that) const {
    return requests == that.requests && other == that.other;
  }

  std::vector<SeenRequest> requests;
  std::string other;
};

}  // namespace dormouse::http
