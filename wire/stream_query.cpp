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

constexpr std::array<std::string_view, 5> kRepeatable = {"port", "source", "method", "header",
                                                         "redact"};

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
  for (const Format format : {Format::kFrames, Format::kPcap, Format::kNdjson, Format::kHttp}) {
    if (text == formatName(format)) return format;
  }
  throw SpecError("format", "format: \"frames\", \"pcap\", \"ndjson\" or \"http\" is wanted, not " +
                                inQuotes(text));
}

template <typename Number>
Number readNumber(const std::string& key, std::string_view digits) {
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw SpecError(key, key + ": a number is wanted, not " + inQuotes(digits));
  }
  return number;
}

/// "NAME:REGEX".
void readHeader(MirrorSpec& spec, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) {
    throw SpecError("header", "header: NAME:REGULAR-EXPRESSION is wanted, not " + inQuotes(value));
  }
  addHeader(spec, "header", value.substr(0, colon), value.substr(colon + 1));
}

bool readFlag(const std::string& key, std::string_view value) {
  const bool yes = value == "true" || value == "1";
  if (!yes && value != "false" && value != "0") {
    throw SpecError(key, key + ": true or false is wanted, not " + inQuotes(value));
  }
  return yes;
}

/// The keys that select requests or change them; false if `key` is none of them.
bool readSelection(MirrorSpec& spec, const std::string& key, const std::string& value) {
  RequestSelection& requests = spec.requests;
  if (key == "method") {
    splitCommas(value, [&](std::string_view part) { addMethod(spec, key, part); });
  } else if (key == "path") {
    requests.path = checkPattern(key, value);
  } else if (key == "header") {
    readHeader(spec, value);
  } else if (key == "probes") {
    requests.probes = readFlag(key, value);
  } else if (key == "percent") {
    requests.percent = checkPercent(key, readNumber<double>(key, value));
  } else if (key == "by") {
    requests.by = checkBy(key, value);
  } else if (key == "rate") {
    requests.rate = checkRate(key, readNumber<std::uint64_t>(key, value));
  } else if (key == "redact") {
    splitCommas(value, [&](std::string_view part) { addRedaction(spec, key, part); });
  } else if (key == "mark") {
    spec.mark = readFlag(key, value);
  } else {
    return false;
  }
  return true;
}

/// The shortest text that reads back as the same number.
std::string numberText(double number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
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
    const bool repeatable =
        std::find(kRepeatable.begin(), kRepeatable.end(), key) != kRepeatable.end();
    if (!seen.insert(key).second && !repeatable) {
      throw SpecError(key,
                      key + ": stands twice, and only port, source, method, header and redact may");
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
    } else if (key == "responses") {
      spec.responses = readFlag(key, value);
    } else if (key == "h2") {
      spec.http2 = checkHttp2(key, value);
    } else if (key == "format") {
      spec.format = readFormat(value);
    } else if (key == "to") {
      throw SpecError(key, "to: a stream goes to its reader; POST /v1/mirrors takes a destination");
    } else if (!readSelection(spec, key, value)) {
      refuseKey(key);
    }
  }
  finishPorts(spec, "port");
  finishRequests(spec, {"percent", "by"});
  return spec;
}

std::string toQuery(const MirrorSpec& spec) {
  std::string query;
  for (const std::uint16_t port : spec.ports) appendPair(query, "port", std::to_string(port));
  appendPair(query, "protocol", protocolName(spec.protocol));
  appendPair(query, "format", formatName(spec.format));
  appendPair(query, "midstream", midstreamName(spec.midstream));
  if (spec.http2 != Http2::kRequests) appendPair(query, "h2", http2Name(spec.http2));
  if (spec.ttl.count() != 0) appendPair(query, "ttl", formatDuration(spec.ttl));
  for (const Network& source : spec.sources) appendPair(query, "source", source.toString());
  const RequestSelection& requests = spec.requests;
  for (const std::string& method : requests.methods) appendPair(query, "method", method);
  if (!requests.path.empty()) appendPair(query, "path", requests.path);
  for (const RequestSelection::Header& header : requests.headers) {
    appendPair(query, "header", header.name + ":" + header.pattern);
  }
  if (requests.probes) appendPair(query, "probes", *requests.probes ? "true" : "false");
  if (requests.percent > 0) appendPair(query, "percent", numberText(requests.percent));
  if (!requests.by.empty()) appendPair(query, "by", requests.by);
  if (requests.rate > 0) appendPair(query, "rate", std::to_string(requests.rate));
  if (spec.responses) appendPair(query, "responses", "true");
  for (const std::string& redaction : spec.redact) appendPair(query, "redact", redaction);
  if (spec.mark) appendPair(query, "mark", "true");
  return query;
}

}  // namespace dormouse::wire
