// Kubernetes quantities: "500m", "64Mi", "1.5", "1e3".
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace dormouse::injector {

/// An amount of CPU (cores) or memory (bytes), as far as it must be compared. Format: the comment
/// of `Quantity` in k8s.io/apimachinery/pkg/api/resource/quantity.go: a decimal number and one of
/// the suffixes n u m k M G T P E, Ki Mi Gi Ti Pi Ei, e or E with an exponent, or none.
class Quantity {
 public:
  /// Nothing for text of another form, for negative amounts, and for more than 40 characters.
  static std::optional<Quantity> parse(std::string_view text);

  /// As it was written.
  const std::string& text() const { return text_; }
  bool isZero() const { return amount_ == 0; }

  // Two amounts that differ by less than a billionth are equal: 100m and 0.1.
  bool operator==(const Quantity& other) const;
  std::weak_ordering operator<=>(const Quantity& other) const;

 private:
  Quantity(std::string_view text, long double amount) : text_(text), amount_(amount) {}

  std::string text_;
  long double amount_;
};

}  // namespace dormouse::injector
