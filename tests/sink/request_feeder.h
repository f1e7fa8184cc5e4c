// A client's bytes as the requests that a mirror hands to a sink.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/http1_parser.h"
#include "mirror/sink.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink::test {

/// As a mirror does it: a request that is judged not to fit is left out; after a refusal nothing
/// more comes of the connection.
class RequestFeeder final : public http::RequestListener {
 public:
  RequestFeeder(mirror::Sink& sink, mirror::ConnectionHandle handle)
      : sink_(sink), handle_(handle) {}
  void feed(std::string_view text) { parser_.feed(bytesOf(text), *this); }

  void onHead(const http::RequestHead& head) override {
    const mirror::RequestInfo request{head, WallTime(std::chrono::seconds(1))};
    ++number_;
    if (refused != Reason::kNone) return;
    judged = sink_.judgeRequest(request);
    if (judged == Reason::kNone) refused = sink_.beginRequest({handle_, number_}, request);
  }
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override {
    if (taking()) refused = sink_.requestBody({handle_, number_}, raw, content);
  }
  void onRequestEnd() override {
    if (taking()) sink_.endRequest({handle_, number_}, {});
  }
  void onOther(std::span<const std::uint8_t> bytes) override {
    if (taking()) refused = sink_.data(handle_, bytes);
  }

  Reason judged = Reason::kNone;   // Of the latest request.
  Reason refused = Reason::kNone;  // The connection, by the sink.

 private:
  bool taking() const { return judged == Reason::kNone && refused == Reason::kNone; }

  mirror::Sink& sink_;
  const mirror::ConnectionHandle handle_;
  std::uint32_t number_ = 0;
  http::Http1Parser parser_;
};

}  // namespace dormouse::sink::test
