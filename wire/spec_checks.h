// Checks that the JSON body and the query of a mirror specification share. Internal to wire/.
#pragma once

#include <string>
#include <string_view>

#include "wire/mirror_spec.h"

namespace dormouse::wire {

inline constexpr std::size_t kMaxPorts = 64;
inline constexpr std::size_t kMaxSources = 64;
inline constexpr std::size_t kMaxRules = 16;      // Methods, headers, and what is redacted.
inline constexpr std::size_t kMaxPattern = 1024;  // Bytes of a regular expression.

// Each takes the value of `key` as text and throws SpecError naming that key.
Protocol checkProtocol(const std::string& key, std::string_view text);
Midstream checkMidstream(const std::string& key, std::string_view text);
Http2 checkHttp2(const std::string& key, std::string_view text);
Network checkSource(const std::string& key, std::string_view text);
std::string checkPattern(const std::string& key, std::string_view text);
std::string checkBy(const std::string& key, std::string_view text);
double checkPercent(const std::string& key, double percent);
std::uint32_t checkRate(const std::string& key, std::uint64_t rate);

/// "90s", "30m", "1h30m", or a bare number of seconds; whole seconds, above zero, at most 366 days.
std::chrono::seconds checkTtl(const std::string& key, std::string_view text);

/// Appends a port. REQUIRES: nothing of `value`; it may be any number.
void addPort(MirrorSpec& spec, const std::string& key, std::uint64_t value);
void addSource(MirrorSpec& spec, const std::string& key, std::string_view text);

/// Appends what is to be redacted, unless it stands there already.
void addRedaction(MirrorSpec& spec, const std::string& key, std::string_view text);

void addMethod(MirrorSpec& spec, const std::string& key, std::string_view text);
void addHeader(MirrorSpec& spec, const std::string& key, std::string_view name,
               std::string_view pattern);

/// SpecError if keys that were read do not go together. `names` are those of the JSON body or those
/// of the query.
struct KeyNames {
  std::string percent;
  std::string by;
};
void finishRequests(const MirrorSpec& spec, const KeyNames& names);

/// Sorts the ports and removes repeated ones; refuses a specification without any.
void finishPorts(MirrorSpec& spec, const std::string& key);

/// SpecError for a key that is not in the grammar.
[[noreturn]] void refuseKey(const std::string& key);

}  // namespace dormouse::wire
