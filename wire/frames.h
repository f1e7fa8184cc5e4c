// The binary stream format `frames`: length-prefixed records. docs/stream-format.md is its
// specification, with worked bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/ip.h"
#include "common/reason.h"
#include "wire/mirror_spec.h"

namespace dormouse::wire {

/// The stream begins with kFramesMagic (which holds the version); records follow.
inline constexpr std::string_view kFramesMagic = "DMS1";

enum class FrameType : std::uint8_t {
  kOpen = 1,       // A mirrored connection begins: its endpoints.
  kData = 2,       // Bytes of one connection, in order; or one UDP datagram.
  kRequest = 3,    // A part of one HTTP/2 request.
  kClose = 4,      // The connection's end and why. Nothing of it follows.
  kLedger = 5,     // JSON: the mirror as GET /v1/mirrors/{id} shows it. The last record.
  kHeartbeat = 6,  // Nothing happened for a while, the mirror lives.
  kResponse = 7,   // What the pod has answered to a request, or that it is not known.
};

/// The largest record's length field: type and body. A decoder refuses more.
inline constexpr std::size_t kMaxFrameBytes = 1 << 20;
/// Header of a data record: what an encoder adds to each payload.
inline constexpr std::size_t kDataOverhead = 4 + 1 + 8;

/// Header of a request record that brings body: likewise.
inline constexpr std::size_t kRequestOverhead = 4 + 1 + 8 + 4 + 1;

struct OpenFrame {
  std::uint64_t connection = 0;  // Unique within the stream.
  Protocol protocol = Protocol::kTcp;
  bool fromStart = true;  // False: joined in its middle.
  bool http2 = false;     // Request records stand for its data.
  WallTime timestamp;
  Endpoint client;
  Endpoint server;
};

struct CloseFrame {
  std::uint64_t connection = 0;
  Reason reason = Reason::kNone;  // kNone: every byte came.
  bool reset = false;             // The original ended by RST.
};

/// A header field of HTTP/2; the name is in lower case.
struct FieldView {
  std::string_view name;
  std::string_view value;

  bool operator==(const FieldView&) const = default;
};

enum class RequestPart : std::uint8_t {
  kHead = 1,    // Its head, pseudo-headers first (RFC 9113, 8.3).
  kBody = 2,    // The next bytes of its content.
  kEnd = 3,     // It is whole. Its trailers, perhaps none.
  kCancel = 4,  // It is broken off and why. Nothing of it follows.
};

/// What a part does not have is empty.
struct RequestFrame {
  std::uint64_t connection = 0;
  std::uint32_t request = 0;  // Unique within the connection; those of one connection overlap.
  RequestPart part = RequestPart::kHead;
  std::vector<FieldView> fields;
  std::span<const std::uint8_t> bytes;
  Reason reason = Reason::kNone;
};

/// What a record takes that holds these fields.
std::size_t requestRoom(std::span<const FieldView> fields);

/// The pod's response to a request. It may follow the close of its connection. Views are valid as
/// long as what they were made from.
struct ResponseFrame {
  std::uint64_t connection = 0;
  /// Which of the connection's requests in this stream it answers, from 1 on; of HTTP/2, the
  /// request's number.
  std::uint32_t request = 0;
  std::uint16_t status = 0;        // 100 to 999; 0: there is none, see missing.
  Reason missing = Reason::kNone;  // Why there is none; kNone if there is one.
  /// From the request's last byte to the response's first, at least 0; nothing if it is not known.
  std::optional<Nanos> latency;
  std::uint64_t bodyBytes = 0;         // Of the whole content.
  std::span<const std::uint8_t> head;  // From the status line to the empty line; of HTTP/2 with
                                       // the trailers. At most kMaxResponseHead.
  std::span<const std::uint8_t> body;  // The content's beginning, at most kMaxResponseBody.
};
inline constexpr std::size_t kMaxResponseHead = 128 << 10;
inline constexpr std::size_t kMaxResponseBody = 256 << 10;

// Encoders append one record to `out`. appendData and appendRequest split payloads larger than a
// record may be; a UDP datagram never is. REQUIRES: fields fit into a record.
void appendMagic(std::vector<std::uint8_t>& out);
void appendOpen(std::vector<std::uint8_t>& out, const OpenFrame& frame);
void appendData(std::vector<std::uint8_t>& out, std::uint64_t connection,
                std::span<const std::uint8_t> bytes);
void appendRequest(std::vector<std::uint8_t>& out, const RequestFrame& frame);
void appendClose(std::vector<std::uint8_t>& out, const CloseFrame& frame);
void appendLedger(std::vector<std::uint8_t>& out, std::string_view json);
void appendHeartbeat(std::vector<std::uint8_t>& out);
/// REQUIRES: head and body are within their bounds.
void appendResponse(std::vector<std::uint8_t>& out, const ResponseFrame& frame);

/// Takes decoded records, on the thread that feeds the decoder. Views are valid during the call.
class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  virtual void onOpen(const OpenFrame& frame) = 0;
  virtual void onData(std::uint64_t connection, std::span<const std::uint8_t> bytes) = 0;
  virtual void onRequest(const RequestFrame& frame) = 0;
  virtual void onClose(const CloseFrame& frame) = 0;
  virtual void onLedger(std::string_view json) = 0;
  virtual void onHeartbeat() = 0;
  virtual void onResponse(const ResponseFrame& frame) = 0;
};

/// The stream is not what the format allows. what() says what and at which byte offset.
class FrameError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Incremental decoder: any chunking of the stream gives the same events. Records of an unknown
/// type are skipped (a later version may add some). Holds at most one record.
class FrameDecoder {
 public:
  explicit FrameDecoder(FrameHandler& handler) : handler_(handler) {}
  /// Throws FrameError; the decoder is useless afterwards.
  void feed(std::span<const std::uint8_t> bytes);
  /// True between two records: the stream may end here.
  bool atBoundary() const;

 private:
  FrameHandler& handler_;
  std::vector<std::uint8_t> pending_;
  std::uint64_t offset_ = 0;
  bool magicSeen_ = false;
};

}  // namespace dormouse::wire
