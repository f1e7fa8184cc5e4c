#include "capture/decoder.h"

#include <algorithm>
#include <optional>

namespace dormouse::capture {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kEtherIpv4 = 0x0800;
constexpr std::uint16_t kEtherIpv6 = 0x86dd;

constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragmentHeader = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;

// REQUIRES for both: the bytes are there.
std::uint16_t read16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t read32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(read16(bytes, at)) << 16 | read16(bytes, at + 2);
}

// A layer that has been read: what is in the next one. kPacket means: go on.
struct Layer {
  Decoded outcome = Decoded::kPacket;
  std::uint16_t protocol = 0;  // EtherType after the link layer, IP protocol after IP.
  Bytes rest;
  bool exact = true;      // `rest` ends where the header says, not where the frame does.
  bool cut = false;       // `rest` lacks its end.
  bool fragment = false;  // `rest` is the beginning of a datagram that goes on in another packet.
};

Layer stop(Decoded outcome) {
  return Layer{.outcome = outcome, .rest = {}};
}

bool isVlanTag(std::uint16_t etherType) {
  // 802.1Q, 802.1ad, and the number that was used for the latter before it had its own.
  return etherType == 0x8100 || etherType == 0x88a8 || etherType == 0x9100;
}

Layer skipVlanTags(std::uint16_t etherType, Bytes rest) {
  while (isVlanTag(etherType)) {
    if (rest.size() < 4) return stop(Decoded::kTruncated);
    etherType = read16(rest, 2);
    rest = rest.subspan(4);
  }
  return Layer{.protocol = etherType, .rest = rest};
}

// No EtherType of its own: the version is in the first half byte of both IPs.
Layer byVersion(Bytes rest) {
  if (rest.empty()) return stop(Decoded::kTruncated);
  const int version = rest[0] >> 4;
  if (version != 4 && version != 6) return stop(Decoded::kUnsupported);
  return Layer{.protocol = version == 4 ? kEtherIpv4 : kEtherIpv6, .rest = rest};
}

// The address family, in the byte order of the machine that captured: 2 is IPv4 everywhere, IPv6 is
// 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
Layer decodeNull(Bytes bytes) {
  if (bytes.size() < 4) return stop(Decoded::kTruncated);
  const std::uint32_t big = read32(bytes, 0);
  const std::uint32_t family = big <= 0xffff ? big : __builtin_bswap32(big);
  const Bytes rest = bytes.subspan(4);
  if (family == 2) return Layer{.protocol = kEtherIpv4, .rest = rest};
  if (family == 10 || family == 24 || family == 28 || family == 30) {
    return Layer{.protocol = kEtherIpv6, .rest = rest};
  }
  return stop(Decoded::kUnsupported);
}

Layer decodeLink(LinkType link, Bytes bytes, Packet& packet) {
  constexpr std::uint16_t kPacketOutgoing = 4;
  switch (link) {
    case LinkType::kNull:
      return decodeNull(bytes);
    case LinkType::kEthernet:
      if (bytes.size() < 14) return stop(Decoded::kTruncated);
      return skipVlanTags(read16(bytes, 12), bytes.subspan(14));
    case LinkType::kRaw:
      return byVersion(bytes);
    case LinkType::kLinuxSll:
      if (bytes.size() < 16) return stop(Decoded::kTruncated);
      packet.outbound = read16(bytes, 0) == kPacketOutgoing;
      return skipVlanTags(read16(bytes, 14), bytes.subspan(16));
    case LinkType::kLinuxSll2:
      if (bytes.size() < 20) return stop(Decoded::kTruncated);
      packet.interface = read32(bytes, 4);
      packet.outbound = bytes[10] == kPacketOutgoing;
      return skipVlanTags(read16(bytes, 0), bytes.subspan(20));
  }
  return stop(Decoded::kUnsupported);
}

// RFC 791, 3.1.
Layer decodeIpv4(Bytes bytes, bool cut, Packet& packet) {
  if (bytes.empty()) return stop(Decoded::kTruncated);
  if (bytes[0] >> 4 != 4) return stop(Decoded::kUnsupported);
  if (bytes.size() < 20) return stop(Decoded::kTruncated);
  const std::size_t header = std::size_t{bytes[0] & 0x0fU} * 4;
  const std::size_t total = read16(bytes, 2);
  const bool exact = total != 0;
  const std::uint16_t fragment = read16(bytes, 6);

  packet.source.address = IpAddress::v4(bytes.subspan<12, 4>());
  packet.destination.address = IpAddress::v4(bytes.subspan<16, 4>());
  if ((fragment & 0x1fff) != 0) return stop(Decoded::kUnsupported);
  const std::size_t end = exact ? total : bytes.size();
  if (header < 20 || end < header || bytes.size() < header) return stop(Decoded::kTruncated);
  return Layer{.protocol = bytes[9],
               .rest = bytes.subspan(header, std::min(end, bytes.size()) - header),
               .exact = exact,
               .cut = exact ? end > bytes.size() : cut,
               .fragment = (fragment & 0x2000) != 0};
}

// One IPv6 extension header that was walked over.
struct Extension {
  std::size_t size = 0;  // 0: not an extension header.
  bool blocked = false;  // Nothing behind it can be read.
  bool fragment = false;
};

// RFC 8200, 4.3 to 4.6; RFC 4302, 2. Nothing if the bytes do not reach.
std::optional<Extension> readExtension(std::uint16_t type, Bytes bytes) {
  if (type != kHopByHop && type != kRouting && type != kDestinationOptions &&
      type != kAuthentication && type != kFragmentHeader) {
    return Extension{};
  }
  if (bytes.size() < 8) return std::nullopt;
  Extension extension;
  if (type == kFragmentHeader) {
    const std::uint16_t field = read16(bytes, 2);
    extension.size = 8;
    extension.blocked = (field & 0xfff8) != 0;
    extension.fragment = (field & 1) != 0;
  } else {
    extension.size = type == kAuthentication ? (bytes[1] + 2U) * 4 : (bytes[1] + 1U) * 8;
    extension.blocked = type == kRouting && bytes[3] != 0;
  }
  if (bytes.size() < extension.size) return std::nullopt;
  return extension;
}

// RFC 8200, 3.
Layer decodeIpv6(Bytes bytes, bool cut, Packet& packet) {
  if (bytes.empty()) return stop(Decoded::kTruncated);
  if (bytes[0] >> 4 != 6) return stop(Decoded::kUnsupported);
  if (bytes.size() < 40) return stop(Decoded::kTruncated);
  const std::size_t length = read16(bytes, 4);
  packet.source.address = IpAddress::v6(bytes.subspan<8, 16>());
  packet.destination.address = IpAddress::v6(bytes.subspan<24, 16>());

  Layer layer{.protocol = bytes[6], .rest = bytes.subspan(40), .exact = length != 0};
  layer.cut = layer.exact ? length > layer.rest.size() : cut;
  if (layer.exact && !layer.cut) layer.rest = layer.rest.first(length);
  for (;;) {
    const auto extension = readExtension(layer.protocol, layer.rest);
    if (!extension) return stop(Decoded::kTruncated);
    if (extension->size == 0) return layer;
    if (extension->blocked) return stop(Decoded::kUnsupported);
    layer.fragment = layer.fragment || extension->fragment;
    layer.protocol = layer.rest[0];
    layer.rest = layer.rest.subspan(extension->size);
  }
}

// RFC 9293, 3.1.
Decoded decodeTcp(Bytes segment, Packet& packet) {
  if (segment.size() < 20) return Decoded::kTruncated;
  const std::size_t header = (segment[12] >> 4) * std::size_t{4};
  if (header < 20 || header > segment.size()) return Decoded::kTruncated;
  packet.sequence = read32(segment, 4);
  packet.acknowledgment = read32(segment, 8);
  packet.flags = segment[13];
  packet.payload = segment.subspan(header);
  return Decoded::kPacket;
}

// RFC 768. A length of 0 is a jumbogram's (RFC 2675, 4), which only an unknown IP length allows.
Decoded decodeUdp(const Layer& layer, Packet& packet) {
  if (layer.rest.size() < 8) return Decoded::kTruncated;
  const std::size_t length = read16(layer.rest, 4);
  const std::size_t end = length == 0 && !layer.exact ? layer.rest.size() : length;
  if (end < 8 || end > layer.rest.size()) return Decoded::kTruncated;
  packet.payload = layer.rest.subspan(8, end - 8);
  return Decoded::kPacket;
}

}  // namespace

Decoded decode(LinkType link, const RawPacket& raw, Packet& packet) {
  packet = Packet{};
  packet.timestamp = raw.timestamp;
  const bool cut = raw.wireLength > raw.bytes.size();

  const Layer network = decodeLink(link, raw.bytes, packet);
  if (network.outcome != Decoded::kPacket) return network.outcome;
  Layer transport = stop(Decoded::kUnsupported);
  if (network.protocol == kEtherIpv4) transport = decodeIpv4(network.rest, cut, packet);
  if (network.protocol == kEtherIpv6) transport = decodeIpv6(network.rest, cut, packet);
  if (transport.outcome != Decoded::kPacket) return transport.outcome;
  if (transport.protocol != kProtocolTcp && transport.protocol != kProtocolUdp) {
    return Decoded::kUnsupported;
  }
  packet.transport = transport.protocol == kProtocolTcp ? Transport::kTcp : Transport::kUdp;
  if (transport.rest.size() < 4) return Decoded::kTruncated;
  packet.source.port = read16(transport.rest, 0);
  packet.destination.port = read16(transport.rest, 2);
  if (transport.fragment) return Decoded::kFragment;
  if (transport.cut) return Decoded::kTruncated;
  return packet.transport == Transport::kTcp ? decodeTcp(transport.rest, packet)
                                             : decodeUdp(transport, packet);
}

}  // namespace dormouse::capture
