// parseStreamSpec and toQuery of wire/mirror_spec.h.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "common/quote.h"
#include "common/units.h"
#include "wire/mirror_spec.h"
#include "wire/spec_checks.h"

namespace dormouse::wire {
namespace {

constexpr std::array<std::string_view, 9> kLaterKeys = {
    "method", "path", "header", "percent", "by", "rate", "redact", "responses", "probes"};

// Calls `take` with each of the parts between commas, empty ones included.
template <typename Take>
void splitCommas(std::string_view text, Take take) {
  while (true) {
    const std::size_t comma = text.find(',');
    take(text.substr(0, comma));
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

void readPort(MirrorSpec& spec, std::string_view digits) {
  std::uint64_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw SpecError("port",
                    "port: a whole number from 1 to 65535 is wanted, not " + inQuotes(digits));
  }
  addPort(spec, "port", port);
}

Format readFormat(std::string_view text) {
  if (text == "frames") return Format::kFrames;
  if (text == "pcap") return Format::kPcap;
  if (text == "ndjson" || text == "http") {
    throw SpecError("format", "format: " + inQuotes(text) + " is not supported by this version");
  }
  throw SpecError("format", "format: \"frames\" or \"pcap\" is wanted, not " + inQuotes(text));
}

void appendPair(std::string& query, std::string_view key, std::string_view value) {
  if (!query.empty()) query += '&';
  query.append(key) += '=';
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    // RFC 3986, 2.3: what need not be encoded. All else is, '+' included, which servers read as a
    // space.
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      query += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (query += '%') += kHex[byte >> 4];
      query += kHex[byte & 15];
    }
  }
}

}  // namespace

MirrorSpec parseStreamSpec(const std::vector<std::pair<std::string, std::string>>& query) {
  MirrorSpec spec;
  std::set<std::string> seen;
  for (const auto& [key, value] : query) {
    const bool repeatable = key == "port" || key == "source";
    if (!seen.insert(key).second && !repeatable) {
      throw SpecError(key, key + ": stands twice, and only port and source may");
    }
    if (key == "port") {
      splitCommas(value, [&](std::string_view part) { readPort(spec, part); });
    } else if (key == "source") {
      splitCommas(value, [&](std::string_view part) { addSource(spec, "source", part); });
    } else if (key == "protocol") {
      spec.protocol = checkProtocol(key, value);
    } else if (key == "ttl") {
      spec.ttl = checkTtl(key, value);
    } else if (key == "midstream") {
      spec.midstream = checkMidstream(key, value);
    } else if (key == "format") {
      spec.format = readFormat(value);
    } else if (key == "to") {
      throw SpecError(key, "to: a stream goes to its reader; POST /v1/mirrors takes a destination");
    } else {
      refuseKey(key, std::find(kLaterKeys.begin(), kLaterKeys.end(), key) != kLaterKeys.end());
    }
  }
  finishPorts(spec, "port");
  return spec;
}

std::string toQuery(const MirrorSpec& spec) {
  std::string query;
  for (const std::uint16_t port : spec.ports) appendPair(query, "port", std::to_string(port));
  appendPair(query, "protocol", protocolName(spec.protocol));
  appendPair(query, "format", formatName(spec.format));
  appendPair(query, "midstream", midstreamName(spec.midstream));
  if (spec.ttl.count() != 0) appendPair(query, "ttl", formatDuration(spec.ttl));
  for (const Network& source : spec.sources) appendPair(query, "source", source.toString());
  return query;
}

}  // namespace dormouse::wire
