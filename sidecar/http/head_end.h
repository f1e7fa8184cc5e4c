// Where an HTTP/1 head ends, however its bytes are cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dormouse::http {

/// Looks for the first empty line (RFC 9112, 2.1), each byte once, and copies nothing. After the
/// end the next head begins. One thread.
class HeadEnd {
 public:
  /// The end of the head within the next bytes, behind its empty line; 0 if it is not there.
  std::size_t find(std::span<const std::uint8_t> bytes);

  /// The first thing that is wrong, whatever the head says: a line that ends with a bare LF, or one
  /// that is folded (RFC 9112, 2.2 and 5.2). Null if nothing is.
  const char* fault() const { return fault_; }

 private:
  bool lastWasCr_ = false;      // Of the bytes so far, the last.
  std::size_t lineLength_ = 0;  // Of the last line so far.
  const char* fault_ = nullptr;
};

}  // namespace dormouse::http
