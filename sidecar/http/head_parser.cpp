// The only file that sees Boost.Beast: its headers are many.
#include "http/head_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <optional>

namespace dormouse::http {
namespace {

namespace beast = boost::beast;

std::string_view viewOf(beast::string_view text) {
  return {text.data(), text.size()};
}

/// Whether a comma-separated header value has this element.
bool hasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, end);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (sameName(item, token)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool isNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether a Host field may have this value: host [":" port] (RFC 3986, 3.2.2), or nothing.
bool isHost(std::string_view value) {
  constexpr std::string_view kMarks = "-._~%!$&'()*+,;=:[]";
  return std::all_of(value.begin(), value.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

/// What every server must refuse (RFC 9112, 3.2), and many then close the connection.
std::string judgeHost(const RequestHead& head) {
  int hosts = 0;
  for (const HeaderField& field : head.fields) {
    if (!sameName(field.name, "host")) continue;
    if (++hosts > 1) return "Host stands twice";
    if (!isHost(field.value)) return "Host is no host";
  }
  return hosts == 0 && head.minorVersion > 0 ? "HTTP/1.1 without Host" : "";
}

/// What beside the grammar decides where the request ends.
std::string judgeFraming(RequestHead& head, std::uint64_t announced) {
  std::optional<std::string_view> coding;
  int lengths = 0;
  bool upgradeField = false;
  bool upgradeOption = false;
  for (const HeaderField& field : head.fields) {
    if (sameName(field.name, "content-length")) {
      if (++lengths > 1) return "Content-Length stands twice";
      if (!isNumber(field.value)) return "Content-Length is no number";
    }
    if (sameName(field.name, "transfer-encoding")) {
      if (coding) return "Transfer-Encoding stands twice";
      coding = field.value;
    }
    upgradeField |= sameName(field.name, "upgrade");
    upgradeOption |= sameName(field.name, "connection") && hasToken(field.value, "upgrade");
  }
  if (lengths > 0 && coding) return "both Content-Length and Transfer-Encoding";
  if (coding && !sameName(*coding, "chunked")) return "a transfer coding other than chunked";
  if (coding && head.minorVersion == 0) return "Transfer-Encoding in HTTP/1.0";
  if (!coding) head.length = announced;
  head.connect = head.method == "CONNECT";
  head.upgrade = upgradeField && upgradeOption && !head.connect;
  return {};
}

/// Beast's parser, for the grammar of heads alone.
class Grammar final : public beast::http::basic_parser<true> {
 public:
  Grammar(RequestHead& head, std::vector<HeaderField>& fields, std::size_t size)
      : head_(head), fields_(fields) {
    header_limit(static_cast<std::uint32_t>(size));
    // Not "none", which Beast 1.74 takes for 0.
    body_limit(std::numeric_limits<std::uint64_t>::max());
  }

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code&) override {
    head_.method = viewOf(method);
    head_.target = viewOf(target);
    head_.minorVersion = version % 10;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    fields_.push_back({viewOf(name), viewOf(value)});
  }
  // The rest is for answers and bodies, which do not come here.
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
    return 0;
  }
  void on_finish_impl(beast::error_code&) override {}

  RequestHead& head_;
  std::vector<HeaderField>& fields_;
};

}  // namespace

std::string parseHead(std::span<const std::uint8_t> bytes, std::vector<HeaderField>& fields,
                      RequestHead& head) {
  fields.clear();
  Grammar grammar(head, fields, bytes.size() + 1);
  beast::error_code error;
  const std::size_t used = grammar.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error) return error.message();
  if (used != bytes.size() || !grammar.is_header_done()) return "the head ends elsewhere";
  head.bytes = bytes;
  head.fields = fields;
  const auto announced = grammar.content_length();
  std::string wrong = judgeFraming(head, announced ? *announced : 0);
  return wrong.empty() ? judgeHost(head) : wrong;
}

}  // namespace dormouse::http
