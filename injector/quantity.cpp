#include "injector/quantity.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace dormouse::injector {
namespace {

constexpr std::size_t kMostCharacters = 40;

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// What the suffix multiplies by.
std::optional<long double> factor(std::string_view suffix) {
  constexpr std::pair<std::string_view, long double> kFactors[] = {
      {"", 1.0L},      {"n", 1e-9L},    {"u", 1e-6L},    {"m", 1e-3L},
      {"k", 1e3L},     {"M", 1e6L},     {"G", 1e9L},     {"T", 1e12L},
      {"P", 1e15L},    {"E", 1e18L},    {"Ki", 0x1p10L}, {"Mi", 0x1p20L},
      {"Gi", 0x1p30L}, {"Ti", 0x1p40L}, {"Pi", 0x1p50L}, {"Ei", 0x1p60L},
  };
  for (const auto& [name, value] : kFactors) {
    if (name == suffix) return value;
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  std::string_view digits = suffix.substr(1);
  if (digits[0] == '+') digits.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || exponent < -30 || exponent > 30) return std::nullopt;
  return std::pow(10.0L, static_cast<long double>(exponent));
}

}  // namespace

std::optional<Quantity> Quantity::parse(std::string_view text) {
  if (text.empty() || text.size() > kMostCharacters) return std::nullopt;
  std::size_t i = text[0] == '+' ? 1 : 0;
  long double number = 0;
  long double place = 1;
  bool digits = false;
  bool fraction = false;
  for (; i < text.size(); ++i) {
    if (isDigit(text[i])) {
      digits = true;
      number = number * 10 + static_cast<long double>(text[i] - '0');
      if (fraction) place *= 10;
    } else if (text[i] == '.' && !fraction) {
      fraction = true;
    } else {
      break;
    }
  }
  const auto multiplier = factor(text.substr(i));
  if (!digits || !multiplier) return std::nullopt;
  return Quantity(text, number / place * *multiplier);
}

bool Quantity::operator==(const Quantity& other) const {
  const long double larger = std::max(amount_, other.amount_);
  return std::abs(amount_ - other.amount_) <= larger * 1e-9L;
}

std::weak_ordering Quantity::operator<=>(const Quantity& other) const {
  if (*this == other) return std::weak_ordering::equivalent;
  return amount_ < other.amount_ ? std::weak_ordering::less : std::weak_ordering::greater;
}

}  // namespace dormouse::injector
