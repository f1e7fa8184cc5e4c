// What a mirror hides of requests: the specification's list, understood.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/redactor.h"

namespace dormouse::mirror {

class Redactions {
 public:
  /// REQUIRES: each as wire::parseRedaction() returns it.
  explicit Redactions(const std::vector<std::string>& texts);

  const http::RedactionRules& rules() const { return rules_; }
  /// Whether a header of this name is hidden, or a part of it.
  bool hideHeader(std::string_view name) const;
  /// Whether what a sample goes by is hidden: "header:NAME", "cookie:NAME", "trace", or nothing.
  bool hideKey(std::string_view by) const;

 private:
  http::RedactionRules rules_;
};

}  // namespace dormouse::mirror
