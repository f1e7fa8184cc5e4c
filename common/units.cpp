#include "common/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <ostream>
#include <utility>

namespace dormouse {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kSizeUnits = {
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}}};
constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kTimeUnits = {
    {{"h", 3'600'000'000'000},
     {"m", 60'000'000'000},
     {"s", 1'000'000'000},
     {"ms", 1'000'000},
     {"us", 1'000},
     {"ns", 1}}};
constexpr std::int64_t kLongest = 876'000 * kTimeUnits[0].second;

// Takes the digits at the beginning of `text`.
std::optional<std::uint64_t> takeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<std::uint64_t> parseByteSize(std::string_view text) {
  const auto number = takeNumber(text);
  if (!number) return std::nullopt;
  if (text.empty()) return number;
  for (const auto& [unit, factor] : kSizeUnits) {
    if (text != unit && text != unit.substr(0, 2)) continue;
    if (*number > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
    return *number * factor;
  }
  return std::nullopt;
}

std::string formatByteSize(std::uint64_t bytes) {
  for (const auto& [unit, factor] : kSizeUnits) {
    if (bytes != 0 && bytes % factor == 0)
      return std::to_string(bytes / factor) + std::string(unit);
  }
  return std::to_string(bytes);
}

std::optional<Nanos> parseDuration(std::string_view text) {
  if (text == "0") return Nanos(0);
  std::int64_t total = 0;
  std::size_t next = 0;  // The first unit that may still follow.
  do {
    const auto number = takeNumber(text);
    if (!number) return std::nullopt;
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    std::size_t unit = next;
    while (unit < kTimeUnits.size() && kTimeUnits[unit].first != name) ++unit;
    if (unit == kTimeUnits.size()) return std::nullopt;
    const std::int64_t factor = kTimeUnits[unit].second;
    if (*number > static_cast<std::uint64_t>((kLongest - total) / factor)) return std::nullopt;
    total += static_cast<std::int64_t>(*number) * factor;
    text.remove_prefix(name.size());
    next = unit + 1;
  } while (!text.empty());
  return Nanos(total);
}

std::string formatDuration(Nanos duration) {
  std::int64_t left = duration.count();
  if (left == 0) return "0s";
  std::string text;
  for (const auto& [unit, factor] : kTimeUnits) {
    if (left / factor == 0) continue;
    text += std::to_string(left / factor) + std::string(unit);
    left %= factor;
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const ByteSize& size) {
  return out << formatByteSize(size.bytes);
}

std::ostream& operator<<(std::ostream& out, const Duration& duration) {
  return out << formatDuration(duration.value);
}

}  // namespace dormouse
