// Keeps what the HTTP/2 parser tells, so that two runs over the same bytes can be compared.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "http/http2_parser.h"

namespace dormouse::http {

struct SeenHttp2 {
  std::string method;
  std::string target;
  std::string scheme;
  std::string authority;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::string end;  // "whole", "bad head", or the reason of a cancellation.

  bool operator==(const SeenHttp2&) const = default;
};

class Http2Log final : public Http2Listener {
 public:
  bool onHead(std::uint32_t stream, const RequestHead& head) override {
    SeenHttp2& request = requests[stream];
    request.method = head.method;
    request.target = head.target;
    request.scheme = head.scheme;
    request.authority = head.authority;
    for (const HeaderField& field : head.fields)
      request.fields.emplace_back(field.name, field.value);
    return !unwanted;
  }
  void onBadHead(std::uint32_t stream) override { requests[stream].end = "bad head"; }
  void onBody(std::uint32_t stream, std::span<const std::uint8_t> content) override {
    requests.at(stream).body.append(content.begin(), content.end());
  }
  void onEnd(std::uint32_t stream, std::span<const HeaderField> trailers) override {
    SeenHttp2& request = requests.at(stream);
    for (const HeaderField& field : trailers)
      request.trailers.emplace_back(field.name, field.value);
    request.end += "whole";
  }
  void onCancel(std::uint32_t stream, Reason reason) override {
    requests.at(stream).end += reasonName(reason);
  }

  void onForgone(std::uint32_t stream) override { forgone.push_back(stream); }

  std::map<std::uint32_t, SeenHttp2> requests;
  std::vector<std::uint32_t> forgone;
  bool unwanted = false;  // Nothing but heads is asked for.
};

}  // namespace dormouse::http
