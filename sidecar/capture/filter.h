// The kernel filter of a mirror, in pcap-filter(7) syntax. Text only: no libpcap here.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "capture/packet.h"

namespace dormouse::capture {

/// What a mirror that reassembles needs to see: inbound segments to one of the ports that carry
/// payload, SYN, FIN or RST (pure ACKs stay in the kernel), and outbound RSTs from one of the
/// ports. For UDP: inbound datagrams to one of the ports. A packet whose length the kernel filter
/// cannot know (total length 0 of BIG TCP, IPv6 extension headers) is let through. REQUIRES: ports
/// is not empty.
std::string reassemblyFilter(Transport transport, std::span<const std::uint16_t> ports);

/// What a `pcap` mirror shows: both directions of the ports, pure ACKs included, loopback once:
/// (inbound and dst port P) or (outbound and src port P). REQUIRES: ports is not empty.
std::string bothDirectionsFilter(Transport transport, std::span<const std::uint16_t> ports);

}  // namespace dormouse::capture
