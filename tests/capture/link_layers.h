// IP packets in every link layer, for the tests of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capture/packet.h"
#include "tests/support/packets.h"

namespace dormouse::testing {

using Buffer = std::vector<std::uint8_t>;

inline Buffer joined(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline bool isIpv4(const Buffer& ip) {
  return ip.at(0) >> 4 == 4;
}

inline Buffer etherType(const Buffer& ip) {
  return isIpv4(ip) ? Buffer{0x08, 0x00} : Buffer{0x86, 0xdd};
}

/// `tags` stand between the addresses and the packet's own EtherType, as TPID and TCI each.
inline Buffer ethernet(const Buffer& ip, const Buffer& tags = {}) {
  return joined({{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, tags, etherType(ip), ip});
}

inline Buffer sll(const Buffer& ip, std::uint8_t packetType = 0) {
  return joined({{0, packetType, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, etherType(ip), ip});
}

inline Buffer sll2(const Buffer& ip, std::uint8_t packetType = 0, std::uint8_t interface = 7) {
  return joined(
      {etherType(ip), {0, 0, 0, 0, 0, interface, 0, 1, packetType, 6, 2, 0, 0, 0, 0, 1, 0, 0}, ip});
}

inline Segment tcpSegment(bool v6, std::string payload,
                          std::uint8_t flags = capture::kAck | capture::kPsh) {
  Segment segment;
  segment.source = v6 ? endpoint("2001:db8::1", 40000) : endpoint("10.0.0.1", 40000);
  segment.destination = v6 ? endpoint("2001:db8::2", 8080) : endpoint("10.0.0.2", 8080);
  segment.flags = flags;
  segment.sequence = 0x01020304;
  segment.acknowledgment = 0xa0b0c0d0;
  segment.payload = std::move(payload);
  return segment;
}

inline Segment udpDatagram(bool v6, std::string payload) {
  Segment segment = tcpSegment(v6, std::move(payload), 0);
  segment.transport = capture::Transport::kUdp;
  return segment;
}

/// Puts `options` (a multiple of 4 bytes) behind an IPv4 header.
inline Buffer withIpv4Options(Buffer ip, const Buffer& options) {
  ip[0] = static_cast<std::uint8_t>(0x40 | (5 + options.size() / 4));
  detail::patch16(ip, 2, static_cast<std::uint16_t>(ip.size() + options.size()));
  ip.insert(ip.begin() + 20, options.begin(), options.end());
  return ip;
}

/// Puts extension headers behind an IPv6 header. The first byte of each, its next header, is filled
/// in here; `types` has their own numbers.
inline Buffer withExtensions(Buffer ip, const Buffer& types, std::vector<Buffer> headers) {
  const std::uint8_t transport = ip.at(6);
  Buffer chain;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    headers[i].at(0) = i + 1 < headers.size() ? types.at(i + 1) : transport;
    detail::append(chain, headers[i]);
  }
  if (!types.empty()) ip[6] = types.front();
  const std::size_t length = ip.size() - 40 + chain.size();
  detail::patch16(ip, 4, static_cast<std::uint16_t>(length));
  ip.insert(ip.begin() + 40, chain.begin(), chain.end());
  return ip;
}

/// One extension header of `size` bytes, its length field right for its type.
inline Buffer extension(std::uint8_t type, std::size_t size) {
  Buffer header(size);
  header[1] = static_cast<std::uint8_t>(type == 51 ? size / 4 - 2 : size / 8 - 1);
  return header;
}

inline Buffer fragmentHeader(std::uint16_t offsetAndFlag) {
  return {0,
          0,
          static_cast<std::uint8_t>(offsetAndFlag >> 8),
          static_cast<std::uint8_t>(offsetAndFlag),
          0,
          0,
          0,
          9};
}

inline std::string text(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace dormouse::testing
