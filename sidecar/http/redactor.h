// What is hidden of a message before it leaves the pod.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/member_path.h"
#include "http/json_redactor.h"
#include "http/request_head.h"

namespace dormouse::http {

/// Names are compared without regard to case, those of cookies too.
struct RedactionRules {
  std::vector<std::string> headers;  // Of fields, trailers too.
  std::vector<std::string> cookies;  // In the fields Cookie and Set-Cookie.
  std::vector<MemberPath> members;   // Of JSON bodies. At most kMaxMemberPaths.
};

/// For requests and for answers. Immutable after its making.
class Redactor {
 public:
  /// What stands for a field's or a cookie's value. It tells no length.
  static constexpr std::string_view kMarker = "redacted";

  explicit Redactor(RedactionRules rules);

  bool empty() const { return !ofFields() && !ofBodies(); }
  bool ofFields() const { return !headers_.empty() || !cookies_.empty(); }
  bool ofBodies() const { return !json_.empty(); }

  /// What the field's value is to be; nothing: it stays.
  std::optional<std::string> value(const HeaderField& field) const;

  /// What must become of a body.
  enum class Body {
    kUndecided,  // More of it must be seen.
    kPlain,      // No JSON: it may be passed as it is.
    kJson,       // It may be passed if json() takes it, all of it, and only what that returns.
    kOpaque,     // It may not be passed: compressed, or in an encoding that could hide JSON.
  };
  /// By the message's fields and the beginning of its body; `whole`: that is all of it. A body is
  /// taken for JSON if a Content-Type says so or its text begins like an object or an array.
  Body judge(std::span<const HeaderField> fields, std::string_view begin, bool whole) const;
  /// What decideFurther() wants to have been judged.
  static constexpr std::size_t kBeginning = 3;
  /// The next bytes of a body of which at least kBeginning have been judged as undecided: so far it
  /// has nothing but blanks, which need not be looked at again.
  static Body decideFurther(std::string_view next);
  std::optional<std::string> json(std::string_view body) const { return json_.redact(body); }

  /// judge() and json() of a whole body: what may be passed, or nothing.
  std::optional<std::string> body(std::span<const HeaderField> fields, std::string_view body) const;

 private:
  const std::vector<std::string> headers_;
  const std::vector<std::string> cookies_;
  const JsonRedactor json_;
};

}  // namespace dormouse::http
