// Which members of JSON values are left out of a comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse::client {

/// The path is none. what() is one sentence.
class IgnorePathError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A set of JSON paths, of which each names values with all that is in them. A subset of RFC 9535:
/// `$`, then any of `.name`, `['name']` or `["name"]`, `[0]` (not negative), `[*]` or `.*` (every
/// member or element), and `..` before a name or bracket (at any depth). No filters, no slices.
///
/// Matched on the way down: a value's Place is where all paths stand once its keys are consumed.
class IgnorePaths {
 public:
  static constexpr std::size_t kMaxPaths = 64;
  static constexpr std::size_t kMaxSteps = 32;  // Of one path.

  /// Throws IgnorePathError.
  void add(std::string_view path);

  /// For each path, which of its steps may come next: bit i for step i.
  using Place = std::vector<std::uint64_t>;

  Place root() const;
  /// The place of a member, or of an element.
  Place member(const Place& of, std::string_view name) const;
  Place element(const Place& of, std::size_t index) const;
  /// Whether a path ends there.
  bool ignored(const Place& place) const;

 private:
  struct Step {
    enum class Kind : std::uint8_t { kName, kIndex, kAny };
    Kind kind = Kind::kAny;
    std::string name;
    std::size_t index = 0;
    bool deep = false;  // At any depth from here.
  };
  using Path = std::vector<Step>;

  template <typename Matches>
  Place advance(const Place& of, const Matches& matches) const;

  std::vector<Path> paths_;
};

}  // namespace dormouse::client
