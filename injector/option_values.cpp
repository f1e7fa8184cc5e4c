#include "injector/option_values.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "common/quote.h"
#include "injector/quantity.h"

namespace dormouse::injector {
namespace {

bool kernelHasIpv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno != EAFNOSUPPORT;
  ::close(fd);
  return true;
}

Quantity quantity(const char* option, const std::string& text) {
  const auto value = Quantity::parse(text);
  if (!value) throw OptionError(std::string(option) + ": " + inQuotes(text) + " is not a quantity");
  return *value;
}

void checkOrder(const char* lesserName, const std::string& lesser, const char* greaterName,
                const std::string& greater) {
  if (quantity(lesserName, lesser) > quantity(greaterName, greater)) {
    throw OptionError(std::string(lesserName) + " is above " + greaterName);
  }
}

}  // namespace

Endpoint parseListen(const std::string& option, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string::npos) {
    std::string host = text.substr(0, colon);
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    unsigned port = 65536;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + colon + 1, last, port);
    if (address && address->isV4() != brackets && error == std::errc() && end == last &&
        port <= 65535) {
      if (brackets && address->isUnspecified() && !kernelHasIpv6()) {
        return {IpAddress::v4(std::array<std::uint8_t, 4>{}), static_cast<std::uint16_t>(port)};
      }
      return {*address, static_cast<std::uint16_t>(port)};
    }
  }
  throw OptionError("--" + option + ": " + inQuotes(text) +
                    " is not ADDRESS:PORT, such as 0.0.0.0:8080 or [::]:8080");
}

std::uint16_t parsePortOption(const std::string& option, int value) {
  if (value < 1 || value > 65535) {
    throw OptionError("--" + option + ": " + std::to_string(value) + " is not a port");
  }
  return static_cast<std::uint16_t>(value);
}

int parseChoice(const std::string& option, const std::string& text, const std::string& words) {
  std::string_view left = words;
  for (int place = 0; !left.empty(); ++place) {
    const std::size_t end = std::min(left.find('|'), left.size());
    if (left.substr(0, end) == text) return place;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  throw OptionError("--" + option + ": " + inQuotes(text) + " is not one of " + words);
}

void checkResources(const ResourceSettings& resources) {
  checkOrder("--cpu-request", resources.cpuRequest, "--cpu-limit", resources.cpuLimit);
  checkOrder("--cpu-limit", resources.cpuLimit, "--max-cpu-limit", resources.maxCpuLimit);
  checkOrder("--guaranteed-cpu", resources.guaranteedCpu, "--max-cpu-limit", resources.maxCpuLimit);
  checkOrder("--memory-request", resources.memoryRequest, "--memory-limit", resources.memoryLimit);
  checkOrder("--memory-limit", resources.memoryLimit, "--max-memory-limit",
             resources.maxMemoryLimit);
}

void checkCeilings(const CeilingSettings& ceilings) {
  for (const std::string& network : ceilings.allowTo) {
    if (!Network::parse(network)) {
      throw OptionError("--allow-to: " + inQuotes(network) +
                        " is not a network such as 10.0.0.0/8");
    }
  }
  if (ceilings.maxPercent < 1 || ceilings.maxPercent > 100) {
    throw OptionError("--max-percent must be from 1 to 100");
  }
  for (const std::string& name : ceilings.redactHeaders) {
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return c > 0x20 && c < 0x7f &&
             std::string_view("(),/:;<=>?@[\\]{}\"").find(c) == std::string_view::npos;
    });
    if (!good) throw OptionError("--redact-header: " + inQuotes(name) + " is not a header's name");
  }
}

}  // namespace dormouse::injector
