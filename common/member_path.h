// Which members of a JSON text are meant: plain paths, and a matcher of many at once.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse {

/// One step of a path, from a value to those within it.
struct MemberStep {
  enum class Kind : std::uint8_t {
    kMember,      // .NAME or ['NAME']
    kAnyMember,   // .*
    kElement,     // [N], from 0 on
    kAnyElement,  // [*]
  };
  Kind kind = Kind::kMember;
  bool atAnyDepth = false;  // Written with two dots: not only right within, but anywhere below.
  std::string name;         // Of kMember. Compared without regard to case (ASCII).
  std::size_t index = 0;    // Of kElement.
};

using MemberPath = std::vector<MemberStep>;

inline constexpr std::size_t kMaxMemberPaths = 32;
inline constexpr std::size_t kMaxMemberSteps = 16;  // Of a path.

/// "$.user.password", "$.cards[*].number", "$.list[0]", "$..token", "$['a.b'].*": a small part of
/// JSONPath (RFC 9535). A name without brackets has none of . [ ] * , quotes, white space and
/// control characters; one in ['…'] none of ' , and control characters. Commas are for lists of
/// paths. Throws std::invalid_argument with a sentence.
MemberPath parseMemberPath(std::string_view text);

/// Follows many paths on one way through a JSON text. Immutable after its making.
class MemberMatcher {
 public:
  /// How far the paths have come at one value: which steps come next.
  using Progress = std::bitset<kMaxMemberPaths * kMaxMemberSteps>;

  /// REQUIRES: at most kMaxMemberPaths, each as parseMemberPath() makes them.
  explicit MemberMatcher(const std::vector<MemberPath>& paths);

  bool empty() const { return steps_.empty(); }
  /// At the text's outermost value.
  const Progress& start() const { return start_; }
  struct Place {
    bool meant = false;  // A path ends here.
    Progress progress;   // Of the others.
  };
  /// One level down.
  Place enterMember(const Progress& from, std::string_view name) const;
  Place enterElement(const Progress& from, std::size_t index) const;

 private:
  struct Step : MemberStep {
    bool last = false;
  };
  template <typename Matches>
  Place enter(const Progress& from, Matches matches) const;

  std::vector<Step> steps_;  // Of all paths, one after the other.
  Progress start_;
};

}  // namespace dormouse
