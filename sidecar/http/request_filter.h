// Which requests a mirror selects by what stands in their heads.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "http/request_head.h"

namespace dormouse::http {

/// What is asked for. Empty parts select everything.
struct FilterRules {
  struct Header {
    std::string name;
    std::string pattern;
  };
  std::vector<std::string> methods;  // Case-sensitive; "safe" stands for GET, HEAD, OPTIONS.
  std::string path;                  // A regular expression, searched in the path without query.
  std::vector<Header> headers;       // Each must match one of the values of its name.
  bool probes = false;               // The kubelet's own requests too.
};

/// A regular expression cannot be used. what() says why; part() is "path" or "headers".
class PatternError : public std::invalid_argument {
 public:
  PatternError(std::string part, const std::string& sentence)
      : std::invalid_argument(sentence), part_(std::move(part)) {}
  const std::string& part() const { return part_; }

 private:
  std::string part_;
};

/// Regular expressions are RE2's (never backtracking: time linear in the text) and are searched
/// anywhere in the text unless they are anchored. Bytes, not UTF-8. Owned by a mirror, one thread.
class RequestFilter {
 public:
  /// What one compiled expression may take, its states included (RE2's own default is 8 MiB). One
  /// that would need more is refused, or searched more slowly.
  static constexpr std::size_t kPatternMemory = 256 << 10;

  /// Throws PatternError.
  explicit RequestFilter(const FilterRules& rules);
  ~RequestFilter();
  RequestFilter(RequestFilter&&) noexcept;
  RequestFilter& operator=(RequestFilter&&) noexcept;

  bool matches(const RequestHead& head) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

/// Sent by the kubelet: User-Agent begins with "kube-probe/".
bool isProbe(const RequestHead& head);

/// The header of a request that a mirror with `mark` has delivered, and how its value begins; the
/// mirror's id follows.
inline constexpr std::string_view kMark = "x-mirrored-by";
inline constexpr std::string_view kMarkBy = "dormouse/";

/// Delivered by a mirror already: it has the mark. Such a request is never mirrored again, or two
/// mirrors could feed each other forever.
bool isMirrored(const RequestHead& head);

}  // namespace dormouse::http
