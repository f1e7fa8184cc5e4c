// Values of options, checked one by one.
#pragma once

#include <cstdint>
#include <string>

#include "common/ip.h"
#include "common/options.h"
#include "injector/injection_settings.h"

namespace dormouse::injector {

// All throw OptionError with a sentence that names the option.

/// "0.0.0.0:10250", "[::]:8080". On a kernel without IPv6, [::] becomes 0.0.0.0.
Endpoint parseListen(const std::string& option, const std::string& text);

/// 1 to 65535.
std::uint16_t parsePortOption(const std::string& option, int value);

/// One of the words that stand in `words`, separated by '|'; its place among them, from 0.
int parseChoice(const std::string& option, const std::string& text, const std::string& words);

/// Quantities, each request at most its limit, each limit at most its ceiling.
void checkResources(const ResourceSettings& resources);

/// CIDRs, header names without what would end a flag, a percentage.
void checkCeilings(const CeilingSettings& ceilings);

}  // namespace dormouse::injector
