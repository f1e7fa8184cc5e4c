// The framing of a chunked body (RFC 9112, 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dormouse::http {

/// Follows one body, from the first chunk's size to the empty line after the trailers. Holds no
/// bytes: every state is one of the few below. Strict: lines end with CRLF; a size has 1 to 16
/// digits and is below 2^63; extensions hold no control characters but HT; a trailer has a name.
/// The lines between two chunks' data, all trailers together, are at most `maxLines` bytes.
class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t maxLines) : maxLines_(maxLines) {}

  struct Step {
    std::size_t used = 0;                   // From the front of the bytes; none or more if broken.
    std::span<const std::uint8_t> content;  // The part of these that is content: all, or nothing.
  };
  /// The next step over `bytes`, which ends where framing and content meet. REQUIRES: bytes is not
  /// empty, and the body neither done() nor broken().
  Step next(std::span<const std::uint8_t> bytes);

  bool done() const { return state_ == State::kDone; }
  bool broken() const { return state_ == State::kBroken; }

 private:
  /// Each names what is expected next.
  enum class State : std::uint8_t {
    kFirstDigit,
    kSize,         // A further digit, or the size's end.
    kExtension,    // Anything up to CR.
    kSizeLf,       // The CR has come.
    kData,         // At least one byte of content.
    kDataCr,       // The content is complete.
    kDataLf,       //
    kTrailer,      // A trailer's first byte, or the CR of the last line.
    kTrailerName,  // Up to the colon.
    kTrailerValue,
    kTrailerLf,
    kLastLf,
    kDone,
    kBroken,
  };
  State afterByte(char c);
  State afterDigit(char c);

  std::size_t maxLines_;
  std::size_t lines_ = 0;   // Bytes since the last content.
  std::uint64_t size_ = 0;  // Of the chunk; what is left of it in kData.
  State state_ = State::kFirstDigit;
  std::uint8_t digits_ = 0;
};

}  // namespace dormouse::http
