#include "client/response_compare.h"

#include <Poco/Exception.h>
#include <Poco/InflatingStream.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string_view>

#include "http/response_text.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostInflated = 4 << 20;
constexpr std::size_t kExcerpt = 60;  // Bytes of a body, from the first difference on.

/// The fields of a head and the trailers; none if it cannot be read. An answer of gRPC without a
/// message has among the former what others have among the latter.
class Fields {
 public:
  explicit Fields(const std::string& head) {
    http::ResponseText text;
    if (!http::parseResponseText(head, text).empty()) return;
    fields_ = std::move(text.fields);
    fields_.insert(fields_.end(), text.trailers.begin(), text.trailers.end());
  }

  /// All values of that name, joined.
  std::optional<std::string> value(std::string_view name) const {
    std::optional<std::string> joined;
    for (const http::HeaderField& field : fields_) {
      if (!http::sameName(field.name, name)) continue;
      joined = joined ? *joined + ", " + std::string(field.value) : std::string(field.value);
    }
    return joined;
  }
  bool ofGrpc() const {
    constexpr std::string_view kType = "application/grpc";
    const std::string type = value("content-type").value_or("");
    return http::sameName(std::string_view(type).substr(0, kType.size()), kType);
  }

 private:
  std::vector<http::HeaderField> fields_;
};

/// A body as it is compared.
struct Content {
  std::string inflated;  // Behind `text`, if it was compressed.
  std::string_view text;
  std::uint64_t bytes = 0;  // Of the whole.

  bool whole() const { return text.size() == bytes; }
};

/// The whole of a compressed body; nothing if it is broken or too long.
std::optional<std::string> inflate(const std::string& body,
                                   Poco::InflatingStreamBuf::StreamType type) {
  std::istringstream packed(body);
  std::string text;
  try {
    Poco::InflatingInputStream stream(packed, type);
    std::array<char, 16384> part{};
    while (stream.good() && text.size() <= kMostInflated) {
      stream.read(part.data(), part.size());
      text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (stream.bad() || text.size() > kMostInflated) return std::nullopt;
  } catch (const Poco::Exception&) {
    return std::nullopt;
  }
  return text;
}

Content contentOf(const Answer& answer, const Fields& fields) {
  Content content{{}, answer.body, answer.bodyBytes};
  const std::string coding = fields.value("content-encoding").value_or("");
  const bool gzip = http::sameName(coding, "gzip") || http::sameName(coding, "x-gzip");
  if ((!gzip && !http::sameName(coding, "deflate")) || !content.whole()) return content;
  auto text = inflate(answer.body, gzip ? Poco::InflatingStreamBuf::STREAM_GZIP
                                        : Poco::InflatingStreamBuf::STREAM_ZLIB);
  if (!text) return content;
  content.inflated = std::move(*text);
  content.text = content.inflated;
  content.bytes = content.inflated.size();
  return content;
}

std::string excerpt(const Content& content, std::size_t from) {
  std::string text = std::to_string(content.bytes) + " bytes";
  if (from < content.text.size()) {
    text += ", from byte " + std::to_string(from) + " on: ";
    text += content.text.substr(from, kExcerpt);
  }
  return text;
}

void compareBytes(const Content& pod, const Content& local, Differences& differences) {
  const std::size_t known = std::min(pod.text.size(), local.text.size());
  const auto end = pod.text.begin() + static_cast<std::ptrdiff_t>(known);
  const auto first = std::mismatch(pod.text.begin(), end, local.text.begin()).first;
  if (first == end && pod.bytes == local.bytes) return;
  const auto at = static_cast<std::size_t>(first - pod.text.begin());
  differences.add("body", excerpt(pod, at), excerpt(local, at));
}

void compareField(const std::string& what, std::optional<std::string> pod,
                  std::optional<std::string> local, Differences& differences) {
  if (pod != local) differences.add(what, std::move(pod), std::move(local));
}

}  // namespace

Differences compareAnswers(const Answer& pod, const Answer& local, const CompareRules& rules) {
  Differences differences;
  if (pod.status != local.status) {
    differences.add("status", std::to_string(pod.status), std::to_string(local.status));
  }
  const Fields podFields(pod.head);
  const Fields localFields(local.head);
  for (const std::string& name : rules.headers) {
    compareField("header " + name, podFields.value(name), localFields.value(name), differences);
  }
  if (podFields.ofGrpc() || localFields.ofGrpc()) {
    for (const char* name : {"grpc-status", "grpc-message"}) {
      compareField(name, podFields.value(name), localFields.value(name), differences);
    }
  }
  const Content podBody = contentOf(pod, podFields);
  const Content localBody = contentOf(local, localFields);
  if (podBody.whole() && localBody.whole()) {
    if (podBody.text == localBody.text) return differences;
    const Poco::Dynamic::Var podJson = parseJsonBody(podBody.text);
    const Poco::Dynamic::Var localJson = parseJsonBody(localBody.text);
    if (!podJson.isEmpty() && !localJson.isEmpty()) {
      compareJson(podJson, localJson, rules.ignored, differences);
      return differences;
    }
  }
  compareBytes(podBody, localBody, differences);
  return differences;
}

}  // namespace dormouse::client
