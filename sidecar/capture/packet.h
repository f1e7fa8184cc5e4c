// What a capture hands out: first the raw frame, then, decoded, the TCP segment or UDP datagram in
// it.
#pragma once

#include <cstdint>
#include <span>

#include "common/clock.h"
#include "common/ip.h"

namespace dormouse::capture {

/// The link types this program decodes. The values are those of the pcap format
/// (draft-ietf-opsawg-pcaplinktype).
enum class LinkType : std::uint16_t {
  kNull = 0,
  kEthernet = 1,
  kRaw = 101,
  kLinuxSll = 113,
  kLinuxSll2 = 276,
};

/// A frame as captured. The bytes are valid only during the callback that brings it.
struct RawPacket {
  WallTime timestamp;
  std::span<const std::uint8_t> bytes;  // From the link-layer header on.
  std::uint32_t wireLength = 0;         // >= bytes.size(); larger if the snapshot length cut it.
};

enum class Transport : std::uint8_t { kTcp, kUdp };

/// TCP flags as they stand in the header (RFC 9293, 3.1).
enum TcpFlag : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
};

/// A decoded TCP segment or UDP datagram. The payload points into the raw frame.
struct Packet {
  WallTime timestamp;
  std::uint32_t interface = 0;  // The interface's index if the link type carries it, else 0.
  bool outbound = false;        // Sent by this host (SLL, SLL2 packet type 4).
  Transport transport = Transport::kTcp;
  std::uint8_t flags = 0;  // TCP only.
  Endpoint source;
  Endpoint destination;
  std::uint32_t sequence = 0;        // TCP only.
  std::uint32_t acknowledgment = 0;  // TCP only; meaningful if flags has kAck.
  std::span<const std::uint8_t> payload;

  bool has(TcpFlag flag) const { return (flags & flag) != 0; }
};

}  // namespace dormouse::capture
