#include "http/request_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace dormouse::http {
namespace {

std::unique_ptr<const re2::RE2> compile(const std::string& part, const std::string& pattern) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(RequestFilter::kPatternMemory);
  auto compiled = std::make_unique<const re2::RE2>(pattern, options);
  if (!compiled->ok()) {
    throw PatternError(part, "not a regular expression that RE2 takes: " + compiled->error());
  }
  return compiled;
}

bool found(const re2::RE2& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace

struct RequestFilter::Compiled {
  struct Header {
    std::string name;
    std::unique_ptr<const re2::RE2> pattern;
  };
  std::vector<std::string> methods;
  std::unique_ptr<const re2::RE2> path;
  std::vector<Header> headers;
  bool probes = false;
};

RequestFilter::RequestFilter(const FilterRules& rules) {
  auto compiled = std::make_unique<Compiled>();
  constexpr std::array<const char*, 3> kSafe = {"GET", "HEAD", "OPTIONS"};
  for (const std::string& method : rules.methods) {
    if (method == "safe") {
      compiled->methods.insert(compiled->methods.end(), kSafe.begin(), kSafe.end());
    } else {
      compiled->methods.push_back(method);
    }
  }
  if (!rules.path.empty()) compiled->path = compile("path", rules.path);
  for (const FilterRules::Header& header : rules.headers) {
    compiled->headers.push_back({header.name, compile("headers", header.pattern)});
  }
  compiled->probes = rules.probes;
  compiled_ = std::move(compiled);
}

RequestFilter::~RequestFilter() = default;
RequestFilter::RequestFilter(RequestFilter&&) noexcept = default;
RequestFilter& RequestFilter::operator=(RequestFilter&&) noexcept = default;

bool RequestFilter::matches(const RequestHead& head) const {
  const Compiled& rules = *compiled_;
  if (!rules.methods.empty() &&
      std::find(rules.methods.begin(), rules.methods.end(), head.method) == rules.methods.end()) {
    return false;
  }
  if (isMirrored(head) || (!rules.probes && isProbe(head))) return false;
  if (rules.path && !found(*rules.path, pathOf(head.target))) return false;
  return std::all_of(
      rules.headers.begin(), rules.headers.end(), [&head](const Compiled::Header& wanted) {
        const bool inField =
            std::any_of(head.fields.begin(), head.fields.end(), [&](const HeaderField& field) {
              return sameName(field.name, wanted.name) && found(*wanted.pattern, field.value);
            });
        // What HTTP/2 sends instead of a Host field.
        return inField || (!head.authority.empty() && sameName(wanted.name, "host") &&
                           found(*wanted.pattern, head.authority));
      });
}

bool isProbe(const RequestHead& head) {
  const auto agent = findField(head, "user-agent");
  return agent && agent->starts_with("kube-probe/");
}

bool isMirrored(const RequestHead& head) {
  return std::any_of(head.fields.begin(), head.fields.end(), [](const HeaderField& field) {
    // Anywhere: what stood before it may have been joined to it by a proxy.
    return sameName(field.name, kMark) && field.value.find(kMarkBy) != std::string_view::npos;
  });
}

}  // namespace dormouse::http
