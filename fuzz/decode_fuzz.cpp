// decode() on arbitrary frames. Input: one byte for the link type, one whose low bit says that the
// snapshot length cut the frame, then the frame.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "capture/decoder.h"

namespace {

using dormouse::capture::Decoded;
using dormouse::capture::LinkType;
using dormouse::capture::Packet;

void require(bool holds) {
  if (!holds) std::abort();
}

bool inside(std::span<const std::uint8_t> part, std::span<const std::uint8_t> whole) {
  const auto from = reinterpret_cast<std::uintptr_t>(part.data());
  const auto begin = reinterpret_cast<std::uintptr_t>(whole.data());
  return from >= begin && from + part.size() <= begin + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr LinkType kLinks[] = {LinkType::kNull, LinkType::kEthernet, LinkType::kRaw,
                                 LinkType::kLinuxSll, LinkType::kLinuxSll2};
  if (size < 2) return 0;
  const LinkType link = kLinks[data[0] % std::size(kLinks)];
  const bool cut = (data[1] & 1) != 0;
  const std::span<const std::uint8_t> frame(data + 2, size - 2);

  Packet packet;
  const auto wireLength = static_cast<std::uint32_t>(frame.size() + (cut ? 1 : 0));
  const Decoded decoded = decode(link, {dormouse::WallTime(), frame, wireLength}, packet);
  if (decoded != Decoded::kPacket) {
    require(packet.payload.empty());
    return 0;
  }
  require(inside(packet.payload, frame));

  // A frame that lacks its last byte, with or without a word of it, must not become the same packet
  // with less payload, unless only its own end could have told.
  if (packet.payload.empty() ||
      packet.payload.data() + packet.payload.size() != frame.data() + frame.size()) {
    return 0;
  }
  Packet shorter;
  const Decoded again =
      decode(link, {dormouse::WallTime(), frame.first(frame.size() - 1), wireLength}, shorter);
  require(again == Decoded::kTruncated);
  return 0;
}
