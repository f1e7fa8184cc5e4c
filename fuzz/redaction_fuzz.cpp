// Redaction leaves nothing to redact: what an editor hands on is well-formed, and handing that to
// it again changes nothing. However the bytes are cut, the same requests come out. What passes for
// no JSON is none in any encoding, and what several Cookie fields hide is what one of them all
// does.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/http1_parser.h"
#include "mirror/redactions.h"
#include "mirror/request_editor.h"
#include "tests/http/request_log.h"

namespace {

using namespace dormouse;          // NOLINT(google-build-using-namespace): a program of its own.
using namespace dormouse::mirror;  // NOLINT(google-build-using-namespace)

void require(bool condition) {
  if (!condition) std::abort();
}

/// Takes everything; remembers whole requests.
class Taker final : public Sink {
 public:
  explicit Taker(std::string& out) : out_(out) {}
  Reason open(ConnectionHandle, const ConnectionInfo&) override { return Reason::kNone; }
  Reason data(ConnectionHandle, std::span<const std::uint8_t>) override { std::abort(); }
  void close(ConnectionHandle, Reason, bool) override {}
  Reason judgeRequest(const RequestInfo&) override { return Reason::kNone; }
  Reason beginRequest(RequestId, const RequestInfo& request) override {
    request_ = http::textOf(request.head.bytes);
    return Reason::kNone;
  }
  bool wantsContent() const override { return false; }
  Reason requestBody(RequestId, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t>) override {
    request_ += http::textOf(raw);
    return Reason::kNone;
  }
  void endRequest(RequestId, std::span<const http::HeaderField>) override { out_ += request_; }
  void cancelRequest(RequestId, Reason) override { std::abort(); }
  TimePoint flush(TimePoint) override { return TimePoint::max(); }
  void finish(const std::function<std::string()>&) override {}
  bool done() const override { return true; }
  std::string_view trouble() const override { return {}; }

 private:
  std::string& out_;
  std::string request_;
};

class Deaf final : public SinkListener {
 public:
  void onSettled(ConnectionHandle, Reason) override { std::abort(); }
  void onRequestSettled(RequestId, Reason) override {}
  void onResponseSettled(Reason) override { std::abort(); }
  void onSinkGone(std::string_view) override { std::abort(); }
};

/// One connection through an editor, as a mirror does it; tunnels are the mirror's to refuse.
class Run final : public http::RequestListener {
 public:
  Run(std::string& out, std::size_t maxBody)
      : editor_(http::Redactor(
                    Redactions({"authorization", "cookie:sid", "json:$..password", "json:$.a[0]"})
                        .rules()),
                EditorOptions{"", maxBody}, deaf_,
                [&out](SinkListener&) { return std::make_unique<Taker>(out); }) {
    editor_.open(0, {});
  }

  void feed(std::string_view text, std::size_t chunk) {
    while (!text.empty()) {
      const std::string piece(text.substr(0, chunk));
      parser_.feed(http::bytesOf(piece), *this);
      text.remove_prefix(piece.size());
    }
    editor_.close(0, Reason::kNone, false);
  }

 private:
  void onHead(const http::RequestHead& head) override {
    const RequestInfo request{head, {}};
    taking_ = editor_.judgeRequest(request) == Reason::kNone;
    if (taking_) require(editor_.beginRequest({0, ++number_}, request) == Reason::kNone);
  }
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override {
    if (taking_) require(editor_.requestBody({0, number_}, raw, content) == Reason::kNone);
  }
  void onRequestEnd() override {
    if (taking_) editor_.endRequest({0, number_}, {});
  }
  void onOther(std::span<const std::uint8_t>) override {}

  Deaf deaf_;
  RequestEditor editor_;
  http::Http1Parser parser_;
  bool taking_ = false;
  std::uint32_t number_ = 0;
};

std::string redacted(std::string_view text, std::size_t chunk, std::size_t maxBody = 2000) {
  std::string out;
  Run(out, maxBody).feed(text, chunk);
  return out;
}

/// The requests of a text, bodies without the framing of chunks.
std::vector<http::SeenRequest> requestsOf(std::string_view text) {
  http::RequestLog log;
  http::Http1Parser parser;
  parser.feed(http::bytesOf(text), log);
  require(parser.state() != http::Http1Parser::State::kMalformed && !parser.midRequest());
  for (http::SeenRequest& request : log.requests) request.raw.clear();
  return log.requests;
}

bool tunnels(std::string_view text) {
  http::RequestLog log;
  http::Http1Parser parser;
  parser.feed(http::bytesOf(text), log);
  return parser.state() != http::Http1Parser::State::kHttp;
}

void checkMembers(std::string_view text) {
  const http::JsonRedactor redactor({parseMemberPath("$..password"), parseMemberPath("$.a[0]")});
  const auto once = redactor.redact(text);
  if (!once) return;
  require(redactor.redact(*once) == once);
  // What is left byte for byte is left by one that hides nothing of it.
  const http::JsonRedactor idle({parseMemberPath("$.no.such.member.here")});
  require(idle.redact(text) == std::string(text));
}

/// A body that would pass must not be JSON with something to hide for a server that takes UTF-16 or
/// UTF-32, with a mark or without, and trims.
void checkEncodings(std::string_view body) {
  const http::Redactor redactor({{}, {}, {parseMemberPath("$..password")}});
  const auto passed = redactor.body({}, body);
  if (!passed) return;
  for (const std::size_t width : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
    for (const bool bigEndian : {false, true}) {
      if (passed->size() % width != 0) continue;
      std::string text;
      for (std::size_t at = 0; at < passed->size(); at += width) {
        std::uint32_t unit = 0;
        for (std::size_t i = 0; i < width; ++i) {
          const std::size_t place = bigEndian ? i : width - 1 - i;
          unit = unit << 8U | static_cast<unsigned char>((*passed)[at + place]);
        }
        if (at == 0 && unit == 0xfeff) continue;
        text += unit < 0x80 ? static_cast<char>(unit) : '?';
      }
      text.erase(0, text.find_first_not_of(" \t\r\n\v\f"));
      const auto hidden = redactor.json(text);
      require(!hidden || *hidden == text);
    }
  }
}

std::set<std::string> cookiesOf(std::string_view text) {
  std::set<std::string> cookies;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view cookie = text.substr(0, end);
    const std::size_t begin = std::min(cookie.find_first_not_of(' '), cookie.size());
    cookies.emplace(cookie.substr(begin));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return cookies;
}

/// Each line is a Cookie field. Nothing is left of them that would be hidden in them all as one.
void checkCookies(std::string_view text) {
  const http::Redactor redactor({{}, {"sid"}, {}});
  http::Redactor::Section section(&redactor);
  std::string joined;
  std::string left;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const http::HeaderField field{"cookie", line};
    if (!left.empty()) {
      joined += "; ";
      left += "; ";
    }
    joined += line;
    left += section.value(field).value_or(std::string(line));
  }
  const std::set<std::string> may = cookiesOf(redactor.value({"cookie", joined}).value_or(joined));
  for (const std::string& cookie : cookiesOf(left)) {
    require(cookie == http::Redactor::kMarker || may.contains(cookie));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  checkMembers(text);
  checkEncodings(text);
  checkCookies(text);
  const std::string whole = redacted(text, std::max<std::size_t>(1, text.size()));
  if (whole.empty() || tunnels(whole)) return 0;
  // A body may grow.
  require(redacted(whole, whole.size(), 1 << 19) == whole);
  // The first byte chooses the chunks.
  require(requestsOf(redacted(text, 1U + data[0])) == requestsOf(whole));
  return 0;
}
