// HPACK (RFC 7541): header blocks of one connection, decoded. The only file of the folder that sees
// nghttp2 is its .cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"
#include "http/response_head.h"

struct nghttp2_hd_inflater;

namespace dormouse::http {

/// One decoded block. Owns its text.
struct HeaderList {
  std::string text;
  std::vector<HeaderField> fields;  // Into `text`; in order, pseudo-headers among them.
  bool tooLarge = false;            // Above the limit: the fields beyond it are left out.
};

/// Decodes the blocks that one side sends, in their order. One thread.
///
/// How large the dynamic table may be is for the other side's SETTINGS to say, which an observer
/// need not see, and not in their order; the encoder does, and says what it makes of them at the
/// beginning of a block (RFC 7541, 6.3). So any size up to kMaxTable is taken.
class HeaderDecoder {
 public:
  static constexpr std::size_t kMaxTable = 64 << 10;
  /// Of one block, decoded, as RFC 9113, 6.5.2 counts it: names, values, and 32 bytes for each
  /// field.
  static constexpr std::size_t kMaxList = 64 << 10;

  HeaderDecoder();  // Throws std::bad_alloc.
  ~HeaderDecoder();
  HeaderDecoder(const HeaderDecoder&) = delete;
  HeaderDecoder& operator=(const HeaderDecoder&) = delete;

  /// A whole block. False if it is none: no later block can be decoded either.
  bool decode(std::span<const std::uint8_t> block, HeaderList& list);

  /// Bytes of memory that the table takes.
  std::size_t memory() const;

 private:
  struct Free {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  std::unique_ptr<nghttp2_hd_inflater, Free> inflater_;
};

/// Whether a list is the head of a request (RFC 9113, 8.2 and 8.3); fills `head`, which points into
/// the list and into `fields`. Returns nothing, or what is wrong. Stricter than the RFC: none.
std::string_view readRequestHead(const HeaderList& list, std::vector<HeaderField>& fields,
                                 RequestHead& head);

/// The same of a response (RFC 9113, 8.3.2): one `:status` of three digits, 100 to 999, and not 101
/// (8.6). Of `head` the status, the fields and the length are filled.
std::string_view readResponseHead(const HeaderList& list, std::vector<HeaderField>& fields,
                                  ResponseHead& head);

/// Whether a list may follow a message's content (RFC 9113, 8.1): no pseudo-headers.
bool areTrailers(const HeaderList& list);

}  // namespace dormouse::http
