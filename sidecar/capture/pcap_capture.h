// The real capture: libpcap over a TPACKET_V3 ring.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "capture/capability.h"
#include "capture/capture.h"

namespace dormouse::capture {

struct PcapOptions {
  std::string device = "any";  // `any` sees a mesh's plaintext on lo and every further interface;
                               // a name sees that interface alone.
  std::string filter;          // From filter.h. Empty: everything.
  std::size_t ringBytes = 8 << 20;
  std::chrono::milliseconds batch{5};  // The ring's block time-out. 0: immediate mode.
  int snaplen = 262144;                // GRO, TSO and BIG TCP make frames far above the MTU.
};

/// Opens a capture; its link type is always SLL2. Raises CAP_NET_RAW to effective only while the
/// socket is made and bound, on the calling thread, and lowers it again whatever happens. Takes
/// 8-30 ms. Nothing is handed out that does not pass the filter, although the socket is bound
/// shortly before the filter is in force. Throws MissingCapability, or std::runtime_error with a
/// sentence (libpcap's where it has one), among other things if there is no such device or the
/// kernel does not take the filter: filtering in user space would copy all of the pod's traffic.
///
/// A named device that is removed and made anew is another interface to the kernel: the capture
/// goes silent, it does not die.
std::unique_ptr<Capture> openPcap(const PcapOptions& options);

/// Throws std::runtime_error with libpcap's sentence if the filter does not compile for SLL2.
/// Needs no privilege.
void checkFilter(const std::string& filter);

}  // namespace dormouse::capture
