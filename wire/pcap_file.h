// The pcap file format with nanosecond timestamps (draft-ietf-opsawg-pcap), written only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/clock.h"

namespace dormouse::wire {

inline constexpr std::size_t kPcapFileHeaderBytes = 24;
inline constexpr std::size_t kPcapRecordHeaderBytes = 16;

/// Appends the file header: magic 0xa1b23c4d in host byte order, version 2.4.
void appendPcapHeader(std::vector<std::uint8_t>& out, std::uint16_t linkType,
                      std::uint32_t snaplen);

/// Appends one record. REQUIRES: wireLength >= bytes.size(), timestamp not before the epoch.
void appendPcapRecord(std::vector<std::uint8_t>& out, WallTime timestamp,
                      std::span<const std::uint8_t> bytes, std::uint32_t wireLength);

}  // namespace dormouse::wire
