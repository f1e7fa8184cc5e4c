// The only file that sees Boost.Beast: its headers are many.
#include "http/head_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <optional>
#include <type_traits>

#include "http/response_head.h"

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
template <typename Head>
class Grammar final : public beast::http::basic_parser<std::is_same_v<Head, RequestHead>> {
 public:
  Grammar(Head& head, std::vector<HeaderField>& fields, std::size_t size)
      : head_(head), fields_(fields) {
    this->header_limit(static_cast<std::uint32_t>(size));
    // Not "none", which Beast 1.74 takes for 0.
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
  }

 private:
  // Of these two the base calls one.
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code&) override {
    if constexpr (std::is_same_v<Head, RequestHead>) {
      head_.method = viewOf(method);
      head_.target = viewOf(target);
      head_.minorVersion = version % 10;
    }
  }
  void on_response_impl(int status, beast::string_view phrase, int version,
                        beast::error_code&) override {
    if constexpr (std::is_same_v<Head, ResponseHead>) {
      head_.status = status;
      head_.phrase = viewOf(phrase);
      head_.minorVersion = version % 10;
    }
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    fields_.push_back({viewOf(name), viewOf(value)});
  }
  // The rest is for bodies, which do not come here.
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, beast::error_code&) override {
    return 0;
  }
  void on_finish_impl(beast::error_code&) override {}

  Head& head_;
  std::vector<HeaderField>& fields_;
};

/// Returns nothing, or what is wrong with the grammar.
template <typename Head>
std::string parseGrammar(Grammar<Head>& grammar, std::span<const std::uint8_t> bytes,
                         std::vector<HeaderField>& fields, Head& head) {
  fields.clear();
  beast::error_code error;
  const std::size_t used = grammar.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error) return error.message();
  if (used != bytes.size() || !grammar.is_header_done()) return "the head ends elsewhere";
  head.bytes = bytes;
  head.fields = fields;
  return "";
}

}  // namespace

std::string parseHead(std::span<const std::uint8_t> bytes, std::vector<HeaderField>& fields,
                      RequestHead& head) {
  Grammar grammar(head, fields, bytes.size() + 1);
  std::string wrong = parseGrammar(grammar, bytes, fields, head);
  if (!wrong.empty()) return wrong;
  const auto announced = grammar.content_length();
  wrong = judgeFraming(head, announced ? *announced : 0);
  return wrong.empty() ? judgeHost(head) : wrong;
}

std::string parseResponseHead(std::span<const std::uint8_t> bytes, std::vector<HeaderField>& fields,
                              ResponseHead& head) {
  Grammar grammar(head, fields, bytes.size() + 1);
  std::string wrong = parseGrammar(grammar, bytes, fields, head);
  if (!wrong.empty()) return wrong;
  if (head.status < 100) return "a status below 100";
  const auto codings = std::count_if(fields.begin(), fields.end(), [](const HeaderField& field) {
    return sameName(field.name, "transfer-encoding");
  });
  if (codings > 0 && head.minorVersion == 0) return "Transfer-Encoding in HTTP/1.0";
  if (codings > 1) return "Transfer-Encoding stands twice";
  if (codings > 0 && grammar.content_length()) {
    return "both Content-Length and Transfer-Encoding";
  }
  head.chunked = grammar.chunked();
  if (const auto length = grammar.content_length()) head.length = *length;
  return {};
}

}  // namespace dormouse::http
