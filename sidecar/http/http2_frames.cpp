#include "http/http2_frames.h"

namespace dormouse::http {
namespace {

constexpr std::uint8_t kLastType = 9;             // Of those of RFC 9113.
constexpr std::uint8_t kPriorityUpdate = 16;      // RFC 9218, 7.1.
constexpr std::uint32_t kUsualLength = 16 << 10;  // SETTINGS_MAX_FRAME_SIZE at first.
constexpr std::uint8_t kKnownFlags = 0x1 | 0x4 | 0x8 | 0x20;

/// Whether a frame of that type belongs to a stream (1), to the connection (0), or to either (2).
int placeOf(std::uint8_t type) {
  switch (type) {
    case 4:  // SETTINGS
    case 6:  // PING
    case 7:  // GOAWAY
    case kPriorityUpdate:
      return 0;
    case 8:  // WINDOW_UPDATE
      return 2;
    default:
      return 1;
  }
}

bool plausible(const Http2Frame& frame, std::uint8_t reserved) {
  if (frame.type > kLastType && frame.type != kPriorityUpdate) return false;
  if (frame.is(Http2Type::kPushPromise)) return false;
  if (frame.length > kUsualLength || reserved != 0 || (frame.flags & ~kKnownFlags) != 0) {
    return false;
  }
  const int place = placeOf(frame.type);
  const bool ofStream = frame.stream % 2 == 1;  // Clients' streams are odd.
  if (place == 2 ? !ofStream && frame.stream != 0 : ofStream != (place == 1)) return false;
  switch (frame.type) {
    case 2:  // PRIORITY
      return frame.length == 5;
    case 3:  // RST_STREAM
    case 8:  // WINDOW_UPDATE
      return frame.length == 4;
    case 4:  // SETTINGS
      return frame.length % 6 == 0;
    case 6:  // PING
      return frame.length == 8;
    default:
      return true;
  }
}

}  // namespace

Http2Frame readHttp2Frame(std::span<const std::uint8_t, Http2Frame::kHeadBytes> bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  Http2Frame frame;
  frame.length = at(0) << 16U | at(1) << 8U | at(2);
  frame.type = bytes[3];
  frame.flags = bytes[4];
  frame.stream = (at(5) & 0x7fU) << 24U | at(6) << 16U | at(7) << 8U | at(8);
  return frame;
}

bool looksLikeHttp2(std::span<const std::uint8_t> segment) {
  if (segment.empty()) return false;
  while (!segment.empty()) {
    if (segment.size() < Http2Frame::kHeadBytes) return false;
    const Http2Frame frame = readHttp2Frame(segment.first<Http2Frame::kHeadBytes>());
    if (!plausible(frame, segment[5] & 0x80U)) return false;
    if (segment.size() - Http2Frame::kHeadBytes < frame.length) return false;
    segment = segment.subspan(Http2Frame::kHeadBytes + frame.length);
  }
  return true;
}

}  // namespace dormouse::http
