#include "wire/spec_checks.h"

#include <algorithm>

#include "common/quote.h"
#include "common/units.h"
#include "wire/redaction.h"

namespace dormouse::wire {
namespace {

// Far above any agent's maximum.
constexpr std::chrono::seconds kMostTtl = std::chrono::hours(24) * 366;

}  // namespace

Protocol checkProtocol(const std::string& key, std::string_view text) {
  if (text == "tcp") return Protocol::kTcp;
  if (text == "udp") return Protocol::kUdp;
  throw SpecError(key, key + ": \"tcp\" or \"udp\" is wanted, not " + inQuotes(text));
}

Midstream checkMidstream(const std::string& key, std::string_view text) {
  if (text == "http") return Midstream::kHttp;
  if (text == "raw") return Midstream::kRaw;
  throw SpecError(key, key + ": \"http\" or \"raw\" is wanted, not " + inQuotes(text));
}

Http2 checkHttp2(const std::string& key, std::string_view text) {
  if (text == "requests") return Http2::kRequests;
  if (text == "raw") return Http2::kRaw;
  throw SpecError(key, key + ": \"requests\" or \"raw\" is wanted, not " + inQuotes(text));
}

std::chrono::seconds checkTtl(const std::string& key, std::string_view text) {
  const bool bare = text.find_first_not_of("0123456789") == std::string_view::npos;
  const auto ttl = parseDuration(std::string(text) + (bare ? "s" : ""));
  if (!ttl || *ttl > kMostTtl || *ttl % std::chrono::seconds(1) != Nanos(0)) {
    throw SpecError(key, key + ": " + inQuotes(text) +
                             " is no duration; wanted is one such as \"90s\", \"30m\" or "
                             "\"1h30m\", at most 366 days");
  }
  if (ttl->count() == 0) throw SpecError(key, key + ": a duration above zero is wanted");
  return std::chrono::duration_cast<std::chrono::seconds>(*ttl);
}

Network checkSource(const std::string& key, std::string_view text) {
  const auto network = Network::parse(text);
  if (!network) {
    throw SpecError(key, key + ": " + inQuotes(text) +
                             " is no network; wanted is one such as \"10.0.0.0/8\" without host "
                             "bits, or an address");
  }
  return *network;
}

void addPort(MirrorSpec& spec, const std::string& key, std::uint64_t value) {
  if (value < 1 || value > 65535) {
    throw SpecError(key, key + ": " + std::to_string(value) + " is no port; 1 to 65535 is");
  }
  if (spec.ports.size() == kMaxPorts) {
    throw SpecError(key, key + ": at most " + std::to_string(kMaxPorts) + " ports are possible");
  }
  spec.ports.push_back(static_cast<std::uint16_t>(value));
}

void addSource(MirrorSpec& spec, const std::string& key, std::string_view text) {
  if (spec.sources.size() == kMaxSources) {
    throw SpecError(key,
                    key + ": at most " + std::to_string(kMaxSources) + " networks are possible");
  }
  spec.sources.push_back(checkSource(key, text));
}

std::string checkPattern(const std::string& key, std::string_view text) {
  if (text.empty()) throw SpecError(key, key + ": a regular expression is wanted");
  if (text.size() > kMaxPattern) {
    throw SpecError(key, key + ": a regular expression may have " + std::to_string(kMaxPattern) +
                             " bytes, not " + std::to_string(text.size()));
  }
  return std::string(text);
}

std::string checkBy(const std::string& key, std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const bool named = colon != std::string_view::npos && isToken(text.substr(colon + 1));
  if (text != "trace" && !((kind == "header" || kind == "cookie") && named)) {
    throw SpecError(key, key + ": \"header:NAME\", \"cookie:NAME\" or \"trace\" is wanted, not " +
                             inQuotes(text));
  }
  return std::string(text);
}

double checkPercent(const std::string& key, double percent) {
  if (!(percent > 0 && percent <= 100)) {
    throw SpecError(key, key + ": a number above 0 and at most 100 is wanted");
  }
  return percent;
}

std::uint32_t checkRate(const std::string& key, std::uint64_t rate) {
  if (rate < 1 || rate > 1'000'000) {
    throw SpecError(key, key + ": requests a second are wanted, from 1 to 1000000");
  }
  return static_cast<std::uint32_t>(rate);
}

void addMethod(MirrorSpec& spec, const std::string& key, std::string_view text) {
  if (!isToken(text)) {
    throw SpecError(key, key + ": " + inQuotes(text) +
                             " is no method; one such as \"POST\" is, or "
                             "\"safe\"");
  }
  if (spec.requests.methods.size() == kMaxRules) {
    throw SpecError(key, key + ": at most " + std::to_string(kMaxRules) + " are possible");
  }
  spec.requests.methods.emplace_back(text);
}

void addHeader(MirrorSpec& spec, const std::string& key, std::string_view name,
               std::string_view pattern) {
  if (!isToken(name)) throw SpecError(key, key + ": " + inQuotes(name) + " is no header's name");
  if (spec.requests.headers.size() == kMaxRules) {
    throw SpecError(key, key + ": at most " + std::to_string(kMaxRules) + " are possible");
  }
  spec.requests.headers.push_back({std::string(name), checkPattern(key, pattern)});
}

void addRedaction(MirrorSpec& spec, const std::string& key, std::string_view text) {
  std::string redaction;
  try {
    redaction = parseRedaction(text);
  } catch (const std::invalid_argument& error) {
    throw SpecError(key, key + ": " + error.what());
  }
  if (std::find(spec.redact.begin(), spec.redact.end(), redaction) != spec.redact.end()) return;
  if (spec.redact.size() == kMaxRules) {
    throw SpecError(key, key + ": at most " + std::to_string(kMaxRules) + " are possible");
  }
  spec.redact.push_back(std::move(redaction));
}

void finishRequests(const MirrorSpec& spec, const KeyNames& names) {
  if (!spec.requests.by.empty() && spec.requests.percent == 0) {
    throw SpecError(names.by, names.by + ": says nothing without " + names.percent);
  }
  if (spec.responses && spec.format != Format::kFrames && spec.format != Format::kNdjson) {
    throw SpecError("responses", "responses: the format \"" + std::string(formatName(spec.format)) +
                                     "\" has none; \"frames\" and \"ndjson\" carry them");
  }
  // What redaction does not go together with is forbidden rather than wrong: the agent says so.
  if (spec.selectsRequests() && spec.protocol != Protocol::kTcp) {
    throw SpecError("protocol", "protocol: HTTP requests are selected in tcp alone");
  }
  if (spec.selectsRequests() && spec.midstream == Midstream::kRaw) {
    throw SpecError("midstream",
                    "midstream: \"raw\" hands on bytes from the middle of requests, "
                    "among which none can be selected");
  }
  if (spec.selectsRequests() && spec.http2 == Http2::kRaw) {
    throw SpecError("h2", "h2: \"raw\" hands on bytes, among which no requests can be selected");
  }
  if (spec.selectsRequests() && spec.to.empty() && spec.format == Format::kPcap) {
    throw SpecError("format",
                    "format: \"pcap\" holds packets, among which no requests are selected");
  }
}

void finishPorts(MirrorSpec& spec, const std::string& key) {
  if (spec.ports.empty()) throw SpecError(key, key + ": at least one port is wanted");
  std::sort(spec.ports.begin(), spec.ports.end());
  spec.ports.erase(std::unique(spec.ports.begin(), spec.ports.end()), spec.ports.end());
}

void refuseKey(const std::string& key) {
  // Whatever bytes it has, what is shown of it is printable.
  const std::string shown = inQuotes(key);
  throw SpecError(shown.substr(1, shown.size() - 2), "unknown key " + shown);
}

}  // namespace dormouse::wire
