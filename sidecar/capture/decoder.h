// From a frame's bytes to a TCP segment or UDP datagram. No I/O, no state, no allocation.
#pragma once

#include <cstdint>

#include "capture/packet.h"

namespace dormouse::capture {

enum class Decoded : std::uint8_t {
  kPacket,       // `packet` is filled.
  kFragment,     // The first fragment of a fragmented datagram: endpoints are filled, not payload.
  kTruncated,    // Shorter than its headers say, whether by the snapshot length or by a lie.
  kUnsupported,  // Not TCP or UDP over IP, or a later fragment.
};

/// Decodes one frame: Ethernet, SLL, SLL2, RAW or NULL; VLAN tags (802.1Q, 802.1ad, stacked); IPv4
/// with options (RFC 791); IPv6 with extension headers (RFC 8200: hop-by-hop, routing, destination
/// options, fragment; RFC 4302 authentication header); TCP (RFC 9293); UDP (RFC 768). An IPv4 total
/// length or IPv6 payload length of 0 (BIG TCP) means: as far as the frame goes. Trailing
/// link-layer padding is not payload, nor is what follows a UDP datagram's own length. An IPv6
/// packet whose routing header has segments left is not yet where it goes: unsupported. Checksums
/// are not verified, for offloading leaves them unset on local links. Every length is checked
/// before it is used. Unless kPacket is returned, fields of `packet` that were not reached are as
/// in a fresh one.
Decoded decode(LinkType link, const RawPacket& raw, Packet& packet);

}  // namespace dormouse::capture
