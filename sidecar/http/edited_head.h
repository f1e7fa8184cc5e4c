// A request's head, changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/redactor.h"
#include "http/request_head.h"

namespace dormouse::http {

/// What becomes of a head.
struct HeadEdits {
  const Redactor* redactor = nullptr;   // Null: nothing is hidden.
  std::string_view mark;                // The value of a kMark field to be added; empty: none.
  std::optional<std::uint64_t> length;  // The new value of Content-Length, if the field is there.
  bool newBody = false;                 // Digests of the body are left out.

  /// Whether they change this head.
  bool change(const RequestHead& head) const;
};

/// A copy with storage of its own, so that it outlives the original. Fields keep their order and
/// the spelling of their names; one of HTTP/1 is written anew, with one space before each value.
class EditedHead {
 public:
  explicit EditedHead(const RequestHead& original, const HeadEdits& edits = {});
  EditedHead(const EditedHead&) = delete;
  EditedHead& operator=(const EditedHead&) = delete;

  /// Valid as long as this object.
  const RequestHead& head() const { return head_; }
  std::size_t size() const { return text_.capacity(); }

 private:
  std::string text_;
  std::vector<HeaderField> fields_;
  RequestHead head_;
};

/// The trailers of a chunked body (RFC 9112, 7.1.2), from the last chunk's size to the last empty
/// line, redacted; without digests of the body if that is a `newBody`. `framing`: what has come
/// since the body's last content. REQUIRES: ChunkedBody took it to its end.
std::string editedTrailers(std::string_view framing, const Redactor& redactor,
                           bool newBody = false);

}  // namespace dormouse::http
