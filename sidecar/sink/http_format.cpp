// makeHttpFormat of sink/request_format.h.
#include <limits>

#include "sink/http2_as_http1.h"
#include "sink/request_format.h"

namespace dormouse::sink {
namespace {

/// What concerns the original connection alone (RFC 9110, 7.6.1): many clients' requests share this
/// one, and it must not end before the last of them.
bool isOfConnection(std::string_view name) {
  return http::sameName(name, "connection") || http::sameName(name, "keep-alive") ||
         http::sameName(name, "proxy-connection");
}

class Copy final : public RequestText {
 public:
  explicit Copy(const http::RequestHead& head) {
    text_.reserve(head.bytes.size() + 32);
    // A server ends the connection after a request of HTTP/1.0, so each becomes one of 1.1.
    (text_ += head.method) += ' ';
    (text_ += head.target) += " HTTP/1.1\r\n";
    // The parser has refused two of them. One without a value is allowed, but not to all servers.
    const bool hasHost = !http::findField(head, "host").value_or("").empty();
    if (!hasHost) text_ += "Host: localhost\r\n";
    for (const http::HeaderField& field : head.fields) {
      if (isOfConnection(field.name)) continue;
      if (!hasHost && http::sameName(field.name, "host")) continue;
      (text_ += field.name) += ": ";
      (text_ += field.value) += "\r\n";
    }
    text_ += "\r\n";
  }
  void body(std::span<const std::uint8_t> raw, std::span<const std::uint8_t>) override {
    text_.append(reinterpret_cast<const char*>(raw.data()), raw.size());
  }
  void trailers(std::span<const http::HeaderField>) override {}
  std::size_t size() const override { return sizeof(*this) + text_.capacity(); }
  std::string take() override { return std::move(text_); }

 private:
  std::string text_;
};

class HttpFormat final : public RequestFormat {
 public:
  bool carries(const http::RequestHead& head) const override {
    return head.isHttp2() ? hasHttp1Form(head) : !head.upgrade && !head.connect;
  }
  std::size_t expect(const http::RequestHead& head) const override {
    return http::sizeUpTo(head, std::numeric_limits<std::size_t>::max());
  }
  std::unique_ptr<RequestText> begin(std::uint64_t, std::uint32_t, const mirror::ConnectionInfo&,
                                     const mirror::RequestInfo& request) const override {
    if (request.head.isHttp2()) return makeHttp1Form(request.head);
    return std::make_unique<Copy>(request.head);
  }
  std::string ending(const std::string&) const override { return {}; }
  std::string_view heartbeat() const override { return {}; }
};

}  // namespace

std::unique_ptr<RequestFormat> makeHttpFormat() {
  return std::make_unique<HttpFormat>();
}

}  // namespace dormouse::sink
