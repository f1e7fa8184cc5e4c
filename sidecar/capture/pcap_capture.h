// The real capture: libpcap over a TPACKET_V3 ring.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "capture/capture.h"

namespace dormouse::capture {

struct PcapOptions {
  std::string device = "any";  // `any` sees a mesh's plaintext on lo and every further interface.
  std::string filter;          // From filter.h. Empty: everything.
  std::size_t ringBytes = 8 << 20;
  std::chrono::milliseconds batch{5};  // The ring's block time-out. 0: immediate mode.
  int snaplen = 262144;                // GRO, TSO and BIG TCP make frames far above the MTU.
};

/// The capability is missing. what() names it and says how to get it.
class MissingCapability : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Opens a capture. Raises CAP_NET_RAW to effective only while the socket is made and bound, on
/// the calling thread, and lowers it again whatever happens. Takes 8-30 ms. Throws
/// MissingCapability, or std::runtime_error with libpcap's sentence.
std::unique_ptr<Capture> openPcap(const PcapOptions& options);

/// Throws std::runtime_error with libpcap's sentence if the filter does not compile for SLL2.
/// Needs no privilege.
void checkFilter(const std::string& filter);

}  // namespace dormouse::capture
