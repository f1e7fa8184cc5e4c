// The kernel filter of a mirror, in pcap-filter(7) syntax. Text only: no libpcap here.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "capture/packet.h"

namespace dormouse::capture {

/// What a mirror that reassembles needs to see: inbound segments to one of the ports that carry
/// payload, SYN, FIN or RST (pure ACKs stay in the kernel), and the pod's own RSTs from one of the
/// ports. For UDP: inbound datagrams to one of the ports. Of a fragmented datagram only the first
/// fragment, which alone has the ports. A packet whose length the kernel filter cannot know (total
/// length 0 of BIG TCP) is let through, and so is every inbound IPv6 packet with extension headers,
/// whatever its ports: a filter cannot walk them. The ports must therefore be checked again.
///
/// The pod's own RSTs are outbound except on lo, where libpcap hands out the inbound copy of each
/// packet alone: there they are known by their source port, not by Packet::outbound.
///
/// REQUIRES: ports is not empty.
/// `responses` (TCP only): all that the pod itself sends from one of the ports too, by the same
/// rules.
std::string reassemblyFilter(Transport transport, std::span<const std::uint16_t> ports,
                             bool responses = false);

/// What a `pcap` mirror shows: both directions of the ports, pure ACKs included, each packet on lo
/// once. IPv6 packets with extension headers and later fragments are not shown, for they might
/// belong to another port. REQUIRES: ports is not empty.
std::string bothDirectionsFilter(Transport transport, std::span<const std::uint16_t> ports);

}  // namespace dormouse::capture
