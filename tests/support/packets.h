// Packets for tests: as the capture hands them out decoded, and as bytes on the wire.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "capture/packet.h"
#include "common/ip.h"

namespace dormouse::testing {

/// Throws std::invalid_argument if `address` is none.
inline Endpoint endpoint(std::string_view address, std::uint16_t port) {
  const auto parsed = IpAddress::parse(address);
  if (!parsed) throw std::invalid_argument("not an address: " + std::string(address));
  return {*parsed, port};
}

/// A TCP segment or UDP datagram that owns its payload.
struct Segment {
  Endpoint source;
  Endpoint destination;
  capture::Transport transport = capture::Transport::kTcp;
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::string payload;
  std::uint32_t interface = 0;
  bool outbound = false;
  WallTime timestamp;

  /// Valid as long as this segment and its payload are.
  capture::Packet packet() const {
    capture::Packet packet;
    packet.timestamp = timestamp;
    packet.interface = interface;
    packet.outbound = outbound;
    packet.transport = transport;
    packet.flags = flags;
    packet.source = source;
    packet.destination = destination;
    packet.sequence = sequence;
    packet.acknowledgment = acknowledgment;
    packet.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
    return packet;
  }
};

/// Makes the segments of one client's connection. Offsets count its payload from 0, whatever the
/// initial sequence number.
struct TcpClient {
  Endpoint client = endpoint("10.0.0.1", 40000);
  Endpoint server = endpoint("10.0.0.2", 8080);
  std::uint32_t isn = 1000;
  std::uint32_t ack = 500;  // What it says to have read.

  Segment make(std::uint8_t flags, std::uint32_t sequence, std::string payload = {}) const {
    Segment segment;
    segment.source = client;
    segment.destination = server;
    segment.flags = flags;
    segment.sequence = sequence;
    segment.acknowledgment = (flags & capture::kAck) != 0 ? ack : 0;
    segment.payload = std::move(payload);
    return segment;
  }
  std::uint32_t at(std::uint32_t offset) const { return isn + 1 + offset; }

  Segment syn(std::string payload = {}) const {
    return make(capture::kSyn, isn, std::move(payload));
  }
  Segment data(std::uint32_t offset, std::string payload) const {
    return make(capture::kAck | capture::kPsh, at(offset), std::move(payload));
  }
  Segment bare(std::uint32_t offset) const { return make(capture::kAck, at(offset)); }
  Segment fin(std::uint32_t offset, std::string payload = {}) const {
    return make(capture::kAck | capture::kFin, at(offset), std::move(payload));
  }
  Segment rst(std::uint32_t offset) const { return make(capture::kRst, at(offset)); }
  /// The server's reset; `acknowledged` is the client's offset up to which it has received.
  Segment serverRst(std::uint32_t acknowledged) const {
    Segment segment = make(capture::kRst | capture::kAck, ack);
    std::swap(segment.source, segment.destination);
    segment.acknowledgment = at(acknowledged);
    segment.outbound = true;
    return segment;
  }
};

namespace detail {

inline void put16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

inline void append(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// The Internet checksum (RFC 1071).
inline std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

inline void patch16(std::vector<std::uint8_t>& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace detail

/// The TCP or UDP header and payload with the right checksum.
inline std::vector<std::uint8_t> transportBytes(const Segment& segment) {
  using namespace detail;
  const bool tcp = segment.transport == capture::Transport::kTcp;
  std::vector<std::uint8_t> out;
  put16(out, segment.source.port);
  put16(out, segment.destination.port);
  if (tcp) {
    put32(out, segment.sequence);
    put32(out, segment.acknowledgment);
    out.push_back(5 << 4);
    out.push_back(segment.flags);
    put16(out, 65535);
  } else {
    put16(out, 8 + segment.payload.size());
  }
  const std::size_t checksumAt = out.size();
  put16(out, 0);
  if (tcp) put16(out, 0);
  append(out, segment.packet().payload);

  std::vector<std::uint8_t> pseudo;
  append(pseudo, segment.source.address.bytes());
  append(pseudo, segment.destination.address.bytes());
  if (segment.source.address.isV4()) {
    pseudo.clear();
    append(pseudo, std::span(segment.source.address.bytes()).subspan(12));
    append(pseudo, std::span(segment.destination.address.bytes()).subspan(12));
  }
  put32(pseudo, static_cast<std::uint32_t>(out.size()));
  put32(pseudo, tcp ? 6 : 17);
  append(pseudo, out);
  patch16(out, checksumAt, checksum(pseudo));
  return out;
}

/// A whole IPv4 or IPv6 packet (link type RAW).
inline std::vector<std::uint8_t> ipBytes(const Segment& segment) {
  using namespace detail;
  const std::vector<std::uint8_t> inner = transportBytes(segment);
  const std::uint8_t protocol = segment.transport == capture::Transport::kTcp ? 6 : 17;
  std::vector<std::uint8_t> out;
  if (segment.source.address.isV4()) {
    out = {0x45, 0};
    put16(out, 20 + inner.size());
    put32(out, 0x00004000);  // No id; don't fragment.
    out.push_back(64);
    out.push_back(protocol);
    put16(out, 0);
    append(out, std::span(segment.source.address.bytes()).subspan(12));
    append(out, std::span(segment.destination.address.bytes()).subspan(12));
    patch16(out, 10, checksum(out));
  } else {
    put32(out, 0x60000000);
    put16(out, inner.size());
    out.push_back(protocol);
    out.push_back(64);
    append(out, segment.source.address.bytes());
    append(out, segment.destination.address.bytes());
  }
  append(out, inner);
  return out;
}

}  // namespace dormouse::testing
