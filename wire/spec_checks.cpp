#include "wire/spec_checks.h"

#include <algorithm>

#include "common/quote.h"
#include "common/units.h"

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

void finishPorts(MirrorSpec& spec, const std::string& key) {
  if (spec.ports.empty()) throw SpecError(key, key + ": at least one port is wanted");
  std::sort(spec.ports.begin(), spec.ports.end());
  spec.ports.erase(std::unique(spec.ports.begin(), spec.ports.end()), spec.ports.end());
}

void refuseKey(const std::string& key, bool ofLaterVersion) {
  if (ofLaterVersion) throw SpecError(key, key + ": not supported by this version");
  // Whatever bytes it has, what is shown of it is printable.
  const std::string shown = inQuotes(key);
  throw SpecError(shown.substr(1, shown.size() - 2), "unknown key " + shown);
}

}  // namespace dormouse::wire
