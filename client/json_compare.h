// Where two JSON values differ.
#pragma once

#include <Poco/Dynamic/Var.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/member_path.h"

namespace dormouse::client {

/// One place where the pod's response and the local one differ.
struct Difference {
  std::string path;                  // "$.items[2].id", "status", "header content-type", "body".
  std::optional<std::string> pod;    // A JSON value's text, or a header's value; nothing: absent.
  std::optional<std::string> local;  // Both are printable, valid UTF-8 and bounded in length.
};

/// Differences in the order in which they were found, at most so many: the rest is only counted.
struct Differences {
  static constexpr std::size_t kMost = 50;

  std::vector<Difference> shown;
  std::size_t total = 0;

  void add(const std::string& path, std::optional<std::string> pod,
           std::optional<std::string> local);
};

/// The value of a JSON text (RFC 8259) that is an object or an array of at most 64 levels; an empty
/// Var for all else. Never throws but std::bad_alloc.
Poco::Dynamic::Var parseJsonBody(std::string_view text);

/// Compares by value: the order of members means nothing, that of elements does; numbers are equal
/// if their values are (1 and 1.0). What `ignored` names is left out on both sides, absent or not.
void compareJson(const Poco::Dynamic::Var& pod, const Poco::Dynamic::Var& local,
                 const MemberMatcher& ignored, Differences& differences);

}  // namespace dormouse::client
