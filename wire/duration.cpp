// parseDuration and formatDuration of wire/mirror_spec.h.
#include <array>
#include <charconv>
#include <stdexcept>

#include "common/quote.h"
#include "wire/mirror_spec.h"

namespace dormouse::wire {
namespace {

struct Unit {
  char name;
  std::uint64_t seconds;
};
constexpr std::array<Unit, 3> kUnits = {{{'h', 3600}, {'m', 60}, {'s', 1}}};

// A year: far above any agent's maximum, far below what overflows.
constexpr std::uint64_t kMostSeconds = 366ULL * 24 * 3600;

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument(inQuotes(text) +
                              " is no duration; wanted is one such as \"90s\", \"30m\" or "
                              "\"1h30m\", at most 366 days");
}

}  // namespace

std::chrono::seconds parseDuration(std::string_view text) {
  std::uint64_t total = 0;
  std::size_t nextUnit = 0;  // Units come from the largest to the smallest, each at most once.
  std::string_view rest = text;
  if (rest.empty()) refuse(text);
  while (!rest.empty()) {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc() || count > kMostSeconds) refuse(text);
    const bool first = rest.data() == text.data();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.empty()) {
      if (!first) refuse(text);  // "1h30": minutes or seconds?
      total = count;
      break;
    }
    while (nextUnit < kUnits.size() && kUnits[nextUnit].name != rest.front()) ++nextUnit;
    if (nextUnit == kUnits.size()) refuse(text);
    total += count * kUnits[nextUnit++].seconds;
    rest.remove_prefix(1);
  }
  if (total > kMostSeconds) refuse(text);
  return std::chrono::seconds(total);
}

std::string formatDuration(std::chrono::seconds duration) {
  auto rest = static_cast<std::uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : kUnits) {
    if (rest >= unit.seconds) text += std::to_string(rest / unit.seconds) + unit.name;
    rest %= unit.seconds;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace dormouse::wire
