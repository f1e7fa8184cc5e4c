#include "wire/frames.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <type_traits>

namespace dormouse::wire {
namespace {

// docs/stream-format.md specifies all of this. Integers are big-endian.
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kConnectionBytes = 8;
constexpr std::size_t kEndpointBytes = 16 + 2;
constexpr std::size_t kOpenBodyBytes = kConnectionBytes + 1 + 1 + 8 + 2 * kEndpointBytes;
constexpr std::size_t kResponseHeadBytes = kConnectionBytes + 4 + 2 + 8 + 8 + 4;
constexpr std::size_t kMaxPayload = kMaxFrameBytes - 1 - kConnectionBytes;
constexpr std::uint8_t kProtocolTcp = 6;  // IANA protocol numbers.
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::size_t kRequestHeadBytes = kConnectionBytes + 4 + 1;
constexpr std::size_t kMaxRequestPayload = kMaxFrameBytes - 1 - kRequestHeadBytes;
constexpr std::uint8_t kOpenFromStart = 1;
constexpr std::uint8_t kOpenHttp2 = 2;
constexpr std::uint8_t kCloseReset = 1;

// Stores an integer big-endian and returns the place behind it. Unrolled, it is one instruction.
template <typename T>
std::uint8_t* store(std::uint8_t* at, T value) {
  static_assert(std::is_unsigned_v<T>);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<std::uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  return at + sizeof(T);
}

template <typename T>
void append(std::vector<std::uint8_t>& out, T value) {
  std::array<std::uint8_t, sizeof(T)> bytes{};
  store(bytes.data(), value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void appendHead(std::vector<std::uint8_t>& out, FrameType type, std::size_t bodyBytes) {
  assert(bodyBytes < kMaxFrameBytes);
  append(out, static_cast<std::uint32_t>(1 + bodyBytes));
  append(out, static_cast<std::uint8_t>(type));
}

void appendEndpoint(std::vector<std::uint8_t>& out, const Endpoint& endpoint) {
  const auto& address = endpoint.address.bytes();
  out.insert(out.end(), address.begin(), address.end());
  append(out, endpoint.port);
}

template <typename T>
T take(std::span<const std::uint8_t>& from) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : from.first(sizeof(T))) value = value << 8 | byte;
  from = from.subspan(sizeof(T));
  return static_cast<T>(value);
}

Endpoint takeEndpoint(std::span<const std::uint8_t>& from) {
  Endpoint endpoint;
  // The wire carries the same 16 bytes that IpAddress holds, so IPv4 comes back as IPv4.
  endpoint.address = IpAddress::v6(from.first<16>());
  from = from.subspan(16);
  endpoint.port = take<std::uint16_t>(from);
  return endpoint;
}

std::string_view asText(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void fail(std::uint64_t offset, const std::string& what) {
  throw FrameError(what + " at byte " + std::to_string(offset) + " of the stream");
}

OpenFrame decodeOpen(std::span<const std::uint8_t> body, std::uint64_t offset) {
  if (body.size() != kOpenBodyBytes) fail(offset, "an open record of a wrong length");
  OpenFrame frame;
  frame.connection = take<std::uint64_t>(body);
  const auto protocol = take<std::uint8_t>(body);
  if (protocol != kProtocolTcp && protocol != kProtocolUdp) {
    fail(offset, "an open record with unknown protocol " + std::to_string(protocol));
  }
  frame.protocol = protocol == kProtocolTcp ? Protocol::kTcp : Protocol::kUdp;
  const auto flags = take<std::uint8_t>(body);
  if ((flags & ~(kOpenFromStart | kOpenHttp2)) != 0) {
    fail(offset, "an open record with unknown flags");
  }
  frame.fromStart = (flags & kOpenFromStart) != 0;
  frame.http2 = (flags & kOpenHttp2) != 0;
  if (frame.http2 && frame.protocol != Protocol::kTcp) {
    fail(offset, "an open record of HTTP/2 that is not TCP");
  }
  frame.timestamp = WallTime(Nanos(take<std::int64_t>(body)));
  frame.client = takeEndpoint(body);
  frame.server = takeEndpoint(body);
  return frame;
}

Reason decodeReason(std::span<const std::uint8_t> body, const char* record, std::uint64_t offset) {
  const auto reason = parseReason(asText(body));
  if (!reason || *reason == Reason::kNone) {
    fail(offset, std::string(record) + " with an unknown reason");
  }
  return *reason;
}

std::vector<FieldView> decodeFields(std::span<const std::uint8_t> body, std::uint64_t offset) {
  const auto takeText = [&]() -> std::string_view {
    if (body.size() < 4) fail(offset, "a request record that is cut within a field");
    const auto length = take<std::uint32_t>(body);
    if (length > body.size()) fail(offset, "a request record that is cut within a field");
    const std::string_view text = asText(body.first(length));
    body = body.subspan(length);
    return text;
  };
  std::vector<FieldView> fields;
  while (!body.empty()) {
    const std::string_view name = takeText();
    fields.push_back({name, takeText()});
  }
  return fields;
}

RequestFrame decodeRequest(std::span<const std::uint8_t> body, std::uint64_t offset) {
  if (body.size() < kRequestHeadBytes) fail(offset, "a request record that is too short");
  RequestFrame frame;
  frame.connection = take<std::uint64_t>(body);
  frame.request = take<std::uint32_t>(body);
  const auto part = take<std::uint8_t>(body);
  frame.part = static_cast<RequestPart>(part);
  switch (frame.part) {
    case RequestPart::kHead:
    case RequestPart::kEnd:
      frame.fields = decodeFields(body, offset);
      return frame;
    case RequestPart::kBody:
      frame.bytes = body;
      return frame;
    case RequestPart::kCancel:
      frame.reason = decodeReason(body, "a request record", offset);
      return frame;
  }
  fail(offset, "a request record with unknown part " + std::to_string(part));
}

CloseFrame decodeClose(std::span<const std::uint8_t> body, std::uint64_t offset) {
  if (body.size() < kConnectionBytes + 1) fail(offset, "a close record that is too short");
  CloseFrame frame;
  frame.connection = take<std::uint64_t>(body);
  const auto flags = take<std::uint8_t>(body);
  if ((flags & ~kCloseReset) != 0) fail(offset, "a close record with unknown flags");
  frame.reset = (flags & kCloseReset) != 0;
  if (!body.empty()) frame.reason = decodeReason(body, "a close record", offset);
  return frame;
}

ResponseFrame decodeResponse(std::span<const std::uint8_t> body, std::uint64_t offset) {
  if (body.size() < kResponseHeadBytes) fail(offset, "a response record that is too short");
  ResponseFrame frame;
  frame.connection = take<std::uint64_t>(body);
  frame.request = take<std::uint32_t>(body);
  frame.status = take<std::uint16_t>(body);
  const auto latency = take<std::int64_t>(body);
  if (latency >= 0) frame.latency = Nanos(latency);
  frame.bodyBytes = take<std::uint64_t>(body);
  const auto head = take<std::uint32_t>(body);
  if (frame.status == 0) {
    const auto reason = parseReason(asText(body));
    if (!reason || *reason == Reason::kNone || head != 0) {
      fail(offset, "a response record with an unknown reason");
    }
    frame.missing = *reason;
    return frame;
  }
  if (frame.status < 100 || frame.status > 999) {
    fail(offset, "a response record with status " + std::to_string(frame.status));
  }
  if (head > body.size()) fail(offset, "a response record whose head is longer than itself");
  frame.head = body.first(head);
  frame.body = body.subspan(head);
  if (frame.body.size() > frame.bodyBytes) {
    fail(offset, "a response record with more content than it says");
  }
  return frame;
}

// `record` is one whole record behind its length field: type and body.
void deliver(FrameHandler& handler, std::span<const std::uint8_t> record, std::uint64_t offset) {
  std::span<const std::uint8_t> body = record.subspan(1);
  switch (static_cast<FrameType>(record.front())) {
    case FrameType::kOpen:
      return handler.onOpen(decodeOpen(body, offset));
    case FrameType::kData: {
      if (body.size() < kConnectionBytes) fail(offset, "a data record that is too short");
      const auto connection = take<std::uint64_t>(body);
      return handler.onData(connection, body);
    }
    case FrameType::kClose:
      return handler.onClose(decodeClose(body, offset));
    case FrameType::kLedger:
      return handler.onLedger(asText(body));
    case FrameType::kHeartbeat:
      if (!body.empty()) fail(offset, "a heartbeat record with a body");
      return handler.onHeartbeat();
    case FrameType::kResponse:
      return handler.onResponse(decodeResponse(body, offset));
    case FrameType::kRequest:
      return handler.onRequest(decodeRequest(body, offset));
    default:
      return;  // Of a later version.
  }
}

// The size of the record that begins with `bytes`, its length field included. REQUIRES: the length
// field is whole.
std::size_t recordSize(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  const auto length = take<std::uint32_t>(bytes);
  if (length == 0) fail(offset, "a record of length 0");
  if (length > kMaxFrameBytes) {
    fail(offset, "a record of " + std::to_string(length) + " bytes, above the format's maximum,");
  }
  return kLengthBytes + length;
}

// Moves bytes from `from` to `to` until `to` holds `size` of them. False if there are too few.
bool fill(std::vector<std::uint8_t>& to, std::size_t size, std::span<const std::uint8_t>& from) {
  const std::size_t missing = size - std::min(size, to.size());
  const auto part = from.first(std::min(missing, from.size()));
  to.insert(to.end(), part.begin(), part.end());
  from = from.subspan(part.size());
  return to.size() >= size;
}

}  // namespace

void appendMagic(std::vector<std::uint8_t>& out) {
  out.insert(out.end(), kFramesMagic.begin(), kFramesMagic.end());
}

void appendOpen(std::vector<std::uint8_t>& out, const OpenFrame& frame) {
  appendHead(out, FrameType::kOpen, kOpenBodyBytes);
  append(out, frame.connection);
  append(out, frame.protocol == Protocol::kTcp ? kProtocolTcp : kProtocolUdp);
  append(out, static_cast<std::uint8_t>((frame.fromStart ? kOpenFromStart : 0U) |
                                        (frame.http2 ? kOpenHttp2 : 0U)));
  append(out, static_cast<std::uint64_t>(frame.timestamp.time_since_epoch().count()));
  appendEndpoint(out, frame.client);
  appendEndpoint(out, frame.server);
}

void appendData(std::vector<std::uint8_t>& out, std::uint64_t connection,
                std::span<const std::uint8_t> bytes) {
  do {  // At least once: an empty datagram is a datagram.
    const auto part = bytes.first(std::min(bytes.size(), kMaxPayload));
    std::array<std::uint8_t, kDataOverhead> head{};
    std::uint8_t* at =
        store(head.data(), static_cast<std::uint32_t>(1 + kConnectionBytes + part.size()));
    at = store(at, static_cast<std::uint8_t>(FrameType::kData));
    store(at, connection);
    out.insert(out.end(), head.begin(), head.end());
    out.insert(out.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
  } while (!bytes.empty());
}

std::size_t requestRoom(std::span<const FieldView> fields) {
  std::size_t size = kRequestOverhead;
  for (const FieldView& field : fields) size += 4 + field.name.size() + 4 + field.value.size();
  return size;
}

void appendRequest(std::vector<std::uint8_t>& out, const RequestFrame& frame) {
  const std::string_view reason =
      frame.part == RequestPart::kCancel ? reasonName(frame.reason) : std::string_view();
  std::span<const std::uint8_t> bytes = frame.bytes;
  do {  // At least once: most parts have no bytes.
    const auto part = bytes.first(std::min(bytes.size(), kMaxRequestPayload));
    bytes = bytes.subspan(part.size());
    const std::size_t fields = requestRoom(frame.fields) - kRequestOverhead;
    appendHead(out, FrameType::kRequest, kRequestHeadBytes + fields + reason.size() + part.size());
    append(out, frame.connection);
    append(out, frame.request);
    append(out, static_cast<std::uint8_t>(frame.part));
    for (const FieldView& field : frame.fields) {
      for (const std::string_view text : {field.name, field.value}) {
        append(out, static_cast<std::uint32_t>(text.size()));
        out.insert(out.end(), text.begin(), text.end());
      }
    }
    out.insert(out.end(), reason.begin(), reason.end());
    out.insert(out.end(), part.begin(), part.end());
  } while (!bytes.empty());
}

void appendClose(std::vector<std::uint8_t>& out, const CloseFrame& frame) {
  const std::string_view name =
      frame.reason == Reason::kNone ? std::string_view() : reasonName(frame.reason);
  appendHead(out, FrameType::kClose, kConnectionBytes + 1 + name.size());
  append(out, frame.connection);
  append(out, frame.reset ? kCloseReset : std::uint8_t{0});
  out.insert(out.end(), name.begin(), name.end());
}

void appendLedger(std::vector<std::uint8_t>& out, std::string_view json) {
  appendHead(out, FrameType::kLedger, json.size());
  out.insert(out.end(), json.begin(), json.end());
}

void appendHeartbeat(std::vector<std::uint8_t>& out) {
  appendHead(out, FrameType::kHeartbeat, 0);
}

void appendResponse(std::vector<std::uint8_t>& out, const ResponseFrame& frame) {
  assert(frame.head.size() <= kMaxResponseHead && frame.body.size() <= kMaxResponseBody);
  const std::string_view why = frame.status == 0 ? reasonName(frame.missing) : std::string_view();
  appendHead(out, FrameType::kResponse,
             kResponseHeadBytes + frame.head.size() + frame.body.size() + why.size());
  append(out, frame.connection);
  append(out, frame.request);
  append(out, frame.status);
  append(out, static_cast<std::uint64_t>(frame.latency ? frame.latency->count() : -1));
  append(out, frame.bodyBytes);
  append(out, static_cast<std::uint32_t>(frame.head.size()));
  out.insert(out.end(), frame.head.begin(), frame.head.end());
  out.insert(out.end(), frame.body.begin(), frame.body.end());
  out.insert(out.end(), why.begin(), why.end());
}

void FrameDecoder::feed(std::span<const std::uint8_t> bytes) {
  if (!magicSeen_) {
    magicSeen_ = fill(pending_, kFramesMagic.size(), bytes);
    if (!kFramesMagic.starts_with(asText(pending_))) fail(0, "another magic number than DMS1");
    if (!magicSeen_) return;
    pending_.clear();
    offset_ = kFramesMagic.size();
  }
  while (!bytes.empty()) {
    if (pending_.empty() && bytes.size() >= kLengthBytes) {
      const std::size_t size = recordSize(bytes, offset_);
      if (size <= bytes.size()) {  // Whole in the input: decoded where it lies.
        deliver(handler_, bytes.first(size).subspan(kLengthBytes), offset_);
        bytes = bytes.subspan(size);
        offset_ += size;
        continue;
      }
    }
    if (!fill(pending_, kLengthBytes, bytes)) return;
    const std::size_t size = recordSize(pending_, offset_);
    if (!fill(pending_, size, bytes)) return;
    deliver(handler_, std::span(pending_).subspan(kLengthBytes), offset_);
    pending_.clear();
    offset_ += size;
  }
}

bool FrameDecoder::atBoundary() const {
  return magicSeen_ && pending_.empty();
}

}  // namespace dormouse::wire
