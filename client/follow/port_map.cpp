#include "client/follow/port_map.h"

#include <charconv>

#include "common/quote.h"

namespace dormouse::follow {
namespace {

std::optional<std::uint16_t> numberIn(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

void PortMap::add(std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto local = numberIn(text.substr(0, colon));
  const std::string_view right =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const auto remote = numberIn(right);
  if (!local || (right != "none" && remote.value_or(0) == 0)) {
    throw std::invalid_argument(inQuotes(text) +
                                " is no pair; wanted is LOCAL:REMOTE, such as 3000:8080, or "
                                "LOCAL:none, each port from 1 to 65535, LOCAL perhaps 0 for the "
                                "ports that the kernel chooses");
  }
  if (!entries_.emplace(*local, remote).second) {
    throw std::invalid_argument("port " + std::to_string(*local) + " is given twice");
  }
}

std::optional<std::uint16_t> PortMap::remoteOf(Protocol protocol, std::uint16_t local,
                                               Chosen chosen) const {
  if (const auto entry = entries_.find(local); entry != entries_.end()) return entry->second;
  const auto zero = entries_.find(0);
  const bool inRange = local >= range_.first && local <= range_.last;
  const bool byKernel = chosen == Chosen::kByKernel ||
                        (chosen == Chosen::kUnknown && inRange && zero != entries_.end());
  if (!byKernel) return local;
  if (protocol == Protocol::kUdp || zero == entries_.end()) return std::nullopt;
  return zero->second;
}

PortRange parsePortRange(std::string_view text) {
  const std::size_t gap = text.find_first_of(" \t");
  const std::size_t second = text.find_first_not_of(" \t", gap);
  if (second == std::string_view::npos) return {};
  const std::size_t end = text.find_last_not_of(" \t\n");
  const auto first = numberIn(text.substr(0, gap));
  const auto last = numberIn(text.substr(second, end + 1 - second));
  if (!first || !last || *first == 0 || *first > *last) return {};
  return {*first, *last};
}

}  // namespace dormouse::follow
