#include "sink/http2_as_http1.h"

#include <array>
#include <charconv>
#include <utility>

namespace dormouse::sink {
namespace {

class Http1Form final : public RequestText {
 public:
  explicit Http1Form(const http::RequestHead& head)
      : hasLength_(http::findField(head, "content-length").has_value()) {
    head_.reserve(http::headSize(head) + 64);
    (head_ += head.method) += ' ';
    (head_ += head.target) += " HTTP/1.1\r\n";
    const std::string_view host =
        !head.authority.empty() ? head.authority : http::findField(head, "host").value_or("");
    append(head_, "Host", host.empty() ? "localhost" : host);
    std::string cookies;  // RFC 9113, 8.2.3.
    for (const http::HeaderField& field : head.fields) {
      if (field.name == "cookie") {
        if (!cookies.empty()) cookies += "; ";
        cookies += field.value;
      } else if (field.name != "host" && field.name != "te") {  // TE is of the connection.
        append(head_, field.name, field.value);
      }
    }
    if (!cookies.empty()) append(head_, "cookie", cookies);
  }

  void body(std::span<const std::uint8_t>, std::span<const std::uint8_t> content) override {
    body_.append(reinterpret_cast<const char*>(content.data()), content.size());
  }
  void trailers(std::span<const http::HeaderField> fields) override {
    for (const http::HeaderField& field : fields) append(trailers_, field.name, field.value);
  }
  std::size_t size() const override { return head_.size() + body_.size() + trailers_.size(); }

  std::string take() override {
    std::string text = std::move(head_);
    if (!trailers_.empty() && !hasLength_) {
      text += "transfer-encoding: chunked\r\n\r\n";
      if (!body_.empty()) ((text += hex(body_.size())) += "\r\n").append(body_) += "\r\n";
      return ((text += "0\r\n") += trailers_) += "\r\n";
    }
    if (!hasLength_ && !body_.empty()) append(text, "content-length", std::to_string(body_.size()));
    return (text += "\r\n") += body_;
  }

 private:
  static void append(std::string& text, std::string_view name, std::string_view value) {
    (text += name) += ": ";
    (text += value) += "\r\n";
  }
  static std::string hex(std::size_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
  }

  const bool hasLength_;
  std::string head_;
  std::string body_;
  std::string trailers_;
};

}  // namespace

bool hasHttp1Form(const http::RequestHead& head) {
  const std::string_view type = http::findField(head, "content-type").value_or("");
  return !head.connect && !type.starts_with("application/grpc");
}

std::unique_ptr<RequestText> makeHttp1Form(const http::RequestHead& head) {
  return std::make_unique<Http1Form>(head);
}

}  // namespace dormouse::sink
