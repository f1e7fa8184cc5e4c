// The mirror specification from hostile JSON and from hostile queries. What is taken must be within
// the documented ranges, and the query made of it must give the same specification again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/mirror_spec.h"

namespace {

using dormouse::wire::MirrorSpec;
using Query = std::vector<std::pair<std::string, std::string>>;

void require(bool condition) {
  if (!condition) std::abort();
}

void checkRanges(const MirrorSpec& spec) {
  require(!spec.ports.empty() && spec.ports.size() <= 64 && spec.sources.size() <= 64);
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    require(spec.ports[i] != 0 && (i == 0 || spec.ports[i - 1] < spec.ports[i]));
  }
  require(spec.ttl.count() >= 0);
}

// "key=value&…" without percent-decoding but of "%XX", which toQuery makes.
Query splitQuery(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    std::string value;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    for (std::size_t i = equals + 1; i < pair.size(); ++i) {
      if (pair[i] == '%' && i + 2 < pair.size()) {
        value +=
            static_cast<char>(std::strtol(std::string(pair.substr(i + 1, 2)).c_str(), nullptr, 16));
        i += 2;
      } else {
        value += pair[i];
      }
    }
    query.emplace_back(std::string(pair.substr(0, equals)), std::move(value));
  }
  return query;
}

void checkQuery(const MirrorSpec& spec) {
  const std::string query = toQuery(spec);
  const MirrorSpec again = dormouse::wire::parseStreamSpec(splitQuery(query));
  require(toQuery(again) == query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const MirrorSpec spec = dormouse::wire::parsePushSpec(text);
    checkRanges(spec);
    require(dormouse::wire::parseHostPort(spec.to).port != 0);
    checkQuery(spec);
  } catch (const dormouse::wire::SpecError& error) {
    require(*error.what() != '\0');
  }
  try {
    const MirrorSpec spec = dormouse::wire::parseStreamSpec(splitQuery(text));
    checkRanges(spec);
    require(spec.to.empty());
    checkQuery(spec);
  } catch (const dormouse::wire::SpecError& error) {
    // An empty key is named as it is: by nothing.
    require(*error.what() != '\0');
  }
  return 0;
}
