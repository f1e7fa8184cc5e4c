// What is hidden of a message before it leaves the pod.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/member_path.h"
#include "http/json_redactor.h"
#include "http/json_start.h"
#include "http/request_head.h"

namespace dormouse::http {

/// Names are compared without regard to case, those of cookies too.
struct RedactionRules {
  std::vector<std::string> headers;  // Of fields, trailers too.
  std::vector<std::string> cookies;  // In the fields Cookie and Set-Cookie.
  std::vector<MemberPath> members;   // Of JSON bodies. At most kMaxMemberPaths.
};

/// Whether a field of this name is a digest of the body: Content-Digest, Repr-Digest (RFC 9530),
/// Digest (RFC 3230), Content-MD5 (RFC 1864). Of a body that has changed it is no longer true, and
/// what was hidden could be found by guessing.
bool isBodyDigest(std::string_view name);

/// For requests and for answers. Immutable after its making.
class Redactor {
 public:
  /// What stands for a field's or a cookie's value. It tells no length.
  static constexpr std::string_view kMarker = "redacted";

  explicit Redactor(RedactionRules rules);

  bool empty() const { return !ofFields() && !ofBodies(); }
  bool ofFields() const { return !headers_.empty() || !cookies_.empty(); }
  bool ofBodies() const { return !json_.empty(); }

  /// What the field's value is to be; nothing: it stays. For one that stands alone: see Section.
  std::optional<std::string> value(const HeaderField& field) const;

  /// The fields of one head, or all its trailers, in their order: several Cookie fields are one for
  /// some servers, and of HTTP/2 for all (RFC 9113, 8.2.3). REQUIRES: the redactor outlives it.
  class Section {
   public:
    /// Null: nothing is hidden.
    explicit Section(const Redactor* redactor) : redactor_(redactor) {}
    /// As Redactor::value() of the next field.
    std::optional<std::string> value(const HeaderField& field);

   private:
    const Redactor* redactor_;
    bool quoted_ = false;  // A hidden cookie's quote was not closed within its field.
  };

  /// What must become of a body.
  enum class Body {
    kUndecided,  // More of it must be seen.
    kPlain,      // No JSON: it may be passed as it is.
    kJson,       // It may be passed if json() takes it, all of it, and only what that returns.
    kOpaque,     // It may not be passed: compressed, or in an encoding that could hide JSON.
  };
  /// By the message's fields. A body is taken for JSON if a Content-Type says so; kUndecided: or if
  /// its text begins like an object or an array, which judgeNext() tells.
  Body judgeFields(std::span<const HeaderField> fields) const;
  /// By the next bytes of a body that was undecided until now. `start` has followed it.
  static Body judgeNext(JsonStart& start, std::string_view next);
  /// Both, of the beginning of a body; `whole`: that is all of it.
  Body judge(std::span<const HeaderField> fields, std::string_view begin, bool whole) const;
  std::optional<std::string> json(std::string_view body) const { return json_.redact(body); }

  /// judge() and json() of a whole body: what may be passed, or nothing.
  std::optional<std::string> body(std::span<const HeaderField> fields, std::string_view body) const;

 private:
  /// `quoted`: set if a hidden cookie's quote is not closed.
  std::optional<std::string> value(const HeaderField& field, bool& quoted) const;

  const std::vector<std::string> headers_;
  const std::vector<std::string> cookies_;
  const JsonRedactor json_;
};

}  // namespace dormouse::http
