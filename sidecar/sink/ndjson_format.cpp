// makeNdjsonFormat of sink/request_format.h.
#include <algorithm>
#include <chrono>

#include "common/log.h"
#include "http/response_text.h"
#include "sink/json_line.h"
#include "sink/request_format.h"

namespace dormouse::sink {
namespace {

/// A line's beginning, up to its time.
void beginLine(std::string& line, std::string_view type, std::uint64_t connection) {
  ((line += "{\"type\":\"") += type) += '"';
  appendMember(line, "connection", connection);
}
std::string begunLine(std::string_view type, std::uint64_t connection) {
  std::string line;
  beginLine(line, type, connection);
  return line;
}

void appendEnds(std::string& line, const mirror::ConnectionInfo& info) {
  appendMember(line, "client", info.client.toString());
  appendMember(line, "server", info.server.toString());
}

class Line final : public RequestText {
 public:
  Line(std::uint64_t connection, std::uint32_t number, const mirror::ConnectionInfo& info,
       const mirror::RequestInfo& request) {
    const http::RequestHead& head = request.head;
    text_.reserve(kBesideHead + head.target.size() + http::headSize(head));
    beginLine(text_, "request", connection);
    appendMember(text_, "request", std::uint64_t{number});
    appendMember(text_, "time", formatTime(request.timestamp));
    appendEnds(text_, info);
    appendMember(text_, "method", head.method);
    appendMember(text_, "target", head.target);
    appendMember(text_, "path", http::pathOf(head.target));
    const std::size_t query = head.target.find('?');
    if (query != std::string_view::npos)
      appendMember(text_, "query", head.target.substr(query + 1));
    if (head.isHttp2()) {
      if (!head.scheme.empty()) appendMember(text_, "scheme", head.scheme);
      if (!head.authority.empty()) appendMember(text_, "authority", head.authority);
      appendMember(text_, "version", "2");
    } else {
      appendMember(text_, "version", head.minorVersion == 0 ? "1.0" : "1.1");
    }
    appendHeaders(text_, head.fields);
  }

  void body(std::span<const std::uint8_t>, std::span<const std::uint8_t> content) override {
    bodyBytes_ += content.size();
    const std::size_t shown = std::min(content.size(), kMaxShownBody - body_.size());
    body_.append(reinterpret_cast<const char*>(content.data()), shown);
  }
  void trailers(std::span<const http::HeaderField> fields) override {
    if (!fields.empty()) appendHeaders(text_, fields, "trailers");
  }
  std::size_t size() const override { return sizeof(*this) + text_.capacity() + body_.capacity(); }
  std::string take() override {
    appendBody(text_, body_, bodyBytes_);
    text_ += "}\n";
    return std::move(text_);
  }

 private:
  /// About what a line has beside what the head has: the names of the members.
  static constexpr std::size_t kBesideHead = 320;

  std::string text_;
  std::string body_;
  std::uint64_t bodyBytes_ = 0;
};

void appendResponse(std::string& line, const http::PairedResponse& response) {
  appendMember(line, "status", static_cast<std::uint64_t>(response.status));
  if (response.latency) {
    // Milliseconds with three decimals.
    const auto micros = std::chrono::round<std::chrono::microseconds>(*response.latency).count();
    std::string decimals = std::to_string(micros % 1000);
    decimals.insert(0, 3 - decimals.size(), '0');
    line += ",\"latency_ms\":" + std::to_string(micros / 1000) + "." + decimals;
  }
  http::ResponseText text;
  http::parseResponseText(response.head, text);
  appendHeaders(line, text.fields);
  if (!text.trailers.empty()) appendHeaders(line, text.trailers, "trailers");
  appendBody(line, response.body, response.bodyBytes);
}

class NdjsonFormat final : public RequestFormat {
 public:
  bool carries(const http::RequestHead&) const override { return true; }
  std::size_t expect(const http::RequestHead& head) const override {
    return 2 * http::headSize(head) + 2 * static_cast<std::size_t>(std::min<std::uint64_t>(
                                              head.length.value_or(0), kMaxShownBody));
  }
  std::unique_ptr<RequestText> begin(std::uint64_t connection, std::uint32_t number,
                                     const mirror::ConnectionInfo& info,
                                     const mirror::RequestInfo& request) const override {
    return std::make_unique<Line>(connection, number, info, request);
  }
  bool carriesRaw() const override { return true; }
  std::string open(std::uint64_t connection, const mirror::ConnectionInfo& info) const override {
    std::string line = begunLine("open", connection);
    appendMember(line, "time", formatTime(info.timestamp));
    appendEnds(line, info);
    return line + "}\n";
  }
  std::string data(std::uint64_t connection, std::string_view bytes) const override {
    std::string lines;
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, kMaxShownBody);
      bytes.remove_prefix(part.size());
      beginLine(lines, "data", connection);
      appendMember(lines, "bytes", part.size());
      appendBytes(lines, "data", part);
      lines += "}\n";
    }
    return lines;
  }
  std::string close(std::uint64_t connection, Reason reason, bool reset) const override {
    std::string line = begunLine("close", connection);
    if (reset) line += ",\"reset\":true";
    if (reason != Reason::kNone) appendMember(line, "reason", reasonName(reason));
    return line + "}\n";
  }
  std::string response(const mirror::ResponseInfo& info) const override {
    std::string line = begunLine("response", info.connection);
    appendMember(line, "request", std::uint64_t{info.request});
    if (info.response != nullptr) appendMember(line, "time", formatTime(info.response->timestamp));
    appendMember(line, "method", info.method);
    appendMember(line, "path", info.path);
    if (info.response == nullptr) {
      appendMember(line, "missing", reasonName(info.missing));
    } else {
      appendResponse(line, *info.response);
    }
    return line + "}\n";
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
