// Members of JSON texts replaced, everything else left byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/member_path.h"

namespace dormouse::http {

/// Immutable after its making.
class JsonRedactor {
 public:
  /// Deeper nested texts are refused.
  static constexpr std::size_t kMaxDepth = 128;

  /// REQUIRES: as for MemberMatcher.
  explicit JsonRedactor(const std::vector<MemberPath>& paths) : matcher_(paths) {}

  bool empty() const { return matcher_.empty(); }

  /// `text` with every value that a path means replaced by one of its type that says nothing:
  /// "redacted", 0, false, {}, []; null stays. Of members that stand twice each is. Nothing if
  /// `text` is not exactly one JSON text (RFC 8259) in UTF-8 without a byte order mark, or holds a
  /// number that no double does: what a server makes of it cannot be known then.
  std::optional<std::string> redact(std::string_view text) const;

 private:
  const MemberMatcher matcher_;
};

}  // namespace dormouse::http
