// makeNdjsonFormat of sink/request_format.h.
#include <algorithm>
#include <map>

#include "common/log.h"
#include "common/utf8.h"
#include "sink/request_format.h"

namespace dormouse::sink {
namespace {

// Of a body, what a line shows. A line must stay one that a reader can hold.
constexpr std::size_t kMaxBody = 64 << 10;

void appendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : toValidUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

void appendMember(std::string& out, std::string_view name, std::string_view text) {
  (out += ",\"") += name;
  out += "\":";
  appendString(out, text);
}

/// RFC 4648, 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[group >> (18U - 6U * k) & 63U];
    }
  }
  return text;
}

std::string lowered(std::string_view name) {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return text;
}

/// Names in lower case, each once: values of one name are joined as RFC 9110, 5.3 says, and cookies
/// as RFC 6265, 5.4 does.
void appendHeaders(std::string& out, std::span<const http::HeaderField> fields) {
  std::map<std::string, std::string> joined;
  for (const http::HeaderField& field : fields) {
    std::string name = lowered(field.name);
    const char* const between = name == "cookie" ? "; " : ", ";
    const auto [entry, isNew] = joined.try_emplace(std::move(name), field.value);
    if (!isNew) entry->second.append(between).append(field.value);
  }
  out += ",\"headers\":{";
  bool first = true;
  for (const auto& [name, value] : joined) {
    if (!std::exchange(first, false)) out += ',';
    appendString(out, name);
    out += ':';
    appendString(out, value);
  }
  out += '}';
}

class Line final : public RequestText {
 public:
  Line(std::uint64_t connection, const mirror::ConnectionInfo& info,
       const mirror::RequestInfo& request) {
    const http::RequestHead& head = request.head;
    text_ = "{\"type\":\"request\",\"connection\":" + std::to_string(connection);
    appendMember(text_, "time", formatTime(request.timestamp));
    appendMember(text_, "client", info.client.toString());
    appendMember(text_, "server", info.server.toString());
    appendMember(text_, "method", head.method);
    appendMember(text_, "target", head.target);
    appendMember(text_, "path", http::pathOf(head.target));
    const std::size_t query = head.target.find('?');
    if (query != std::string_view::npos)
      appendMember(text_, "query", head.target.substr(query + 1));
    appendMember(text_, "version", head.minorVersion == 0 ? "1.0" : "1.1");
    appendHeaders(text_, head.fields);
  }

  void body(std::span<const std::uint8_t>, std::span<const std::uint8_t> content) override {
    bodyBytes_ += content.size();
    const std::size_t shown = std::min(content.size(), kMaxBody - body_.size());
    body_.append(reinterpret_cast<const char*>(content.data()), shown);
  }
  void trailers(std::span<const http::HeaderField>) override {}
  std::size_t size() const override {
    return sizeof(*this) + text_.capacity() + body_.capacity();
  }
  std::string take() override {
    text_ += ",\"body_bytes\":" + std::to_string(bodyBytes_);
    if (bodyBytes_ > body_.size()) text_ += ",\"body_truncated\":true";
    // Text that is cut in the middle of a character is no UTF-8, and shown as bytes.
    if (toValidUtf8(body_) == body_) {
      if (bodyBytes_ > 0) appendMember(text_, "body", body_);
    } else {
      appendMember(text_, "body_base64", base64(body_));
    }
    text_ += "}\n";
    return std::move(text_);
  }

 private:
  std::string text_;
  std::string body_;
  std::uint64_t bodyBytes_ = 0;
};

class NdjsonFormat final : public RequestFormat {
 public:
  bool carries(const http::RequestHead&) const override { return true; }
  std::size_t expect(const http::RequestHead& head) const override {
    return 2 * head.bytes.size() +
           2 * static_cast<std::size_t>(std::min<std::uint64_t>(head.length.value_or(0), kMaxBody));
  }
  std::unique_ptr<RequestText> begin(std::uint64_t connection, const mirror::ConnectionInfo& info,
                                     const mirror::RequestInfo& request) const override {
    return std::make_unique<Line>(connection, info, request);
  }
  std::string ending(const std::string& report) const override {
    return R"({"type":"ledger",)" + report.substr(1) + "\n";
  }
  std::string_view heartbeat() const override { return "\n"; }
};

}  // namespace

std::unique_ptr<RequestFormat> makeNdjsonFormat() {
  return std::make_unique<NdjsonFormat>();
}

}  // namespace dormouse::sink
