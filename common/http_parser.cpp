#include "common/http_parser.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/String.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "common/problem.h"
#include "common/query.h"

namespace dormouse {
namespace {

// RFC 9110, section 5.6.2.
bool isTokenCharacter(char c) {
  const bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool isToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), isTokenCharacter);
}

// What Poco's parser would let pass or silently drop.
void checkLines(std::string_view head) {
  bool first = true;
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool controls = std::any_of(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
    if (controls) throw Problem(400, "the request head contains a control character");
    if (first) {
      // METHOD SP TARGET SP VERSION, one space each (RFC 9112, section 3).
      if (std::count(line.begin(), line.end(), ' ') != 2 ||
          !isToken(line.substr(0, line.find(' '))))
        throw Problem(400, "the request line is not METHOD TARGET VERSION");
    } else if (!line.empty() && !isToken(line.substr(0, line.find(':')))) {
      throw Problem(400, "a header line is not NAME: VALUE");
    } else if (!line.empty() && line.find(':') == std::string_view::npos) {
      throw Problem(400, "a header line has no colon");
    }
    first = false;
  }
}

void checkFields(const Poco::Net::HTTPRequest& head) {
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding", "Authorization"}) {
    int count = 0;
    for (const auto& field : head) count += Poco::icompare(field.first, name) == 0 ? 1 : 0;
    if (count > 1) throw Problem(400, std::string("the header ") + name + " is there twice");
  }
  if (head.getVersion() == "HTTP/1.1" && !head.has("Host")) {
    throw Problem(400, "an HTTP/1.1 request needs a Host header");
  }
}

// The target's path and query; the absolute form (RFC 9112, section 3.2.2) loses its authority.
void splitTarget(std::string_view target, HttpRequest& request) {
  constexpr std::array<std::string_view, 2> kSchemes = {"http://", "https://"};
  for (const std::string_view scheme : kSchemes) {
    if (target.substr(0, scheme.size()) != scheme) continue;
    const std::size_t slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  if (target.empty() || target.front() != '/') {
    throw Problem(400, "the request target does not begin with '/'");
  }
  const std::size_t mark = target.find('?');
  const auto path = percentDecode(target.substr(0, mark), false);
  if (!path) throw Problem(400, "the path contains an invalid percent escape");
  request.path = *path;
  if (mark != std::string_view::npos) request.query = std::string(target.substr(mark + 1));
}

}  // namespace

const std::string& HttpRequest::header(const std::string& name) const {
  static const std::string kNone;
  return headers.get(name, kNone);
}

std::size_t headLength(std::string_view bytes) {
  // Empty lines before the request line are skipped (RFC 9112, section 2.2).
  std::size_t line = bytes.find_first_not_of("\r\n");
  while (line != std::string_view::npos) {
    const std::size_t end = bytes.find('\n', line);
    if (end == std::string_view::npos) return 0;
    const std::string_view text = bytes.substr(line, end - line);
    if (text.empty() || text == "\r") return end + 1;
    line = end + 1;
  }
  return 0;
}

HttpRequest parseHead(std::string_view head) {
  head.remove_prefix(std::min(head.find_first_not_of("\r\n"), head.size()));
  checkLines(head);
  Poco::Net::HTTPRequest parsed;
  try {
    std::istringstream stream{std::string(head)};
    parsed.read(stream);
  } catch (const Poco::Exception& error) {
    throw Problem(400, "the request head cannot be read: " + error.message());
  }
  if (parsed.getVersion() != "HTTP/1.1" && parsed.getVersion() != "HTTP/1.0") {
    throw Problem(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  checkFields(parsed);
  HttpRequest request;
  request.method = parsed.getMethod();
  request.http11 = parsed.getVersion() == "HTTP/1.1";
  splitTarget(parsed.getURI(), request);
  request.headers = static_cast<const Poco::Net::NameValueCollection&>(parsed);
  return request;
}

BodyFraming bodyFraming(const HttpRequest& request, const HttpLimits& limits) {
  const bool hasLength = request.headers.has("Content-Length");
  if (request.headers.has("Transfer-Encoding")) {
    if (hasLength) throw Problem(400, "Content-Length and Transfer-Encoding exclude each other");
    if (!request.http11) throw Problem(400, "HTTP/1.0 has no Transfer-Encoding");
    if (Poco::icompare(request.header("Transfer-Encoding"), "chunked") != 0) {
      throw Problem(501, "the only transfer coding understood here is chunked");
    }
    return {true, 0};
  }
  if (!hasLength) return {};
  const std::string& text = request.header("Content-Length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument) {
    throw Problem(400, "Content-Length is not a number");
  }
  if (error != std::errc() || length > limits.bodyBytes) {
    throw Problem(413, "the body is larger than " + std::to_string(limits.bodyBytes) + " bytes");
  }
  return {false, static_cast<std::size_t>(length)};
}

std::optional<std::string> ChunkedDecoder::takeLine(std::string& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = bytes.substr(0, end);
  bytes.erase(0, end + 1);
  if (line.empty() || line.back() != '\r')
    throw Problem(400, "a chunk's line does not end in CRLF");
  line.pop_back();
  return line;
}

void ChunkedDecoder::feed(std::string& bytes) {
  while (state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::size_t n = std::min(missing_, bytes.size());
      body_.append(bytes, 0, n);
      bytes.erase(0, n);
      missing_ -= n;
      if (missing_ != 0) return;
      state_ = State::kDataEnd;
      continue;
    }
    const auto line = takeLine(bytes);
    if (!line) {
      if (bytes.size() + overhead_ > limits_.headBytes) {
        throw Problem(400, "the chunked body's sizes, extensions and trailers are too long");
      }
      return;
    }
    overhead_ += line->size() + 2;
    // Chunks of one byte are legal, so a share of the body's limit is allowed on top.
    if (overhead_ > limits_.headBytes + 8 * limits_.bodyBytes) {
      throw Problem(400, "the chunked body's sizes, extensions and trailers are too long");
    }
    if (state_ == State::kDataEnd) {
      if (!line->empty()) throw Problem(400, "a chunk is longer than its size says");
      state_ = State::kSize;
    } else if (state_ == State::kTrailer) {
      if (line->empty()) state_ = State::kDone;
    } else {
      std::uint64_t size = 0;
      const char* const last = line->data() + line->size();
      const auto [end, error] = std::from_chars(line->data(), last, size, 16);
      const bool ends = end == last || *end == ';' || *end == ' ' || *end == '\t';
      if (error == std::errc::invalid_argument || !ends) {
        throw Problem(400, "a chunk's size is not a hexadecimal number");
      }
      if (error != std::errc() || size > limits_.bodyBytes - body_.size()) {
        throw Problem(413,
                      "the body is larger than " + std::to_string(limits_.bodyBytes) + " bytes");
      }
      missing_ = static_cast<std::size_t>(size);
      state_ = size == 0 ? State::kTrailer : State::kData;
    }
  }
}

}  // namespace dormouse
