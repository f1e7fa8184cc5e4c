// A live source of packets. The interface is here so that everything behind it can be tested
// without a network; pcap_capture.h has the real one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/packet.h"

namespace dormouse::capture {

/// Takes the frames of one dispatch() call, on the thread that called it.
class PacketHandler {
 public:
  virtual ~PacketHandler() = default;
  virtual void onPacket(const RawPacket& raw) = 0;
};

/// What one dispatch() call handed out.
struct Taken {
  int packets = 0;
  std::size_t bytes = 0;  // Of the captured frames.
};

/// One open capture with its ring. Owned by one mirror. Opening and destroying take 8-55 ms: both
/// belong off the data thread. All other calls come from the data thread.
class Capture {
 public:
  virtual ~Capture() = default;
  /// Becomes readable when a block of packets is ready.
  virtual int fd() const = 0;
  virtual LinkType linkType() const = 0;
  /// Hands every packet that is ready, at most `limit`, to the handler; never blocks. Returns
  /// what; if packets are left, fd() stays readable. Throws std::runtime_error if the capture has
  /// died, and whatever the handler throws: the packets after that one come with the next call.
  /// REQUIRES: limit > 0.
  virtual Taken dispatch(PacketHandler& handler, int limit) = 0;
  /// Packets that passed the filter and that the kernel then dropped because the ring was full,
  /// since the opening.
  virtual std::uint64_t kernelDrops() = 0;
};

}  // namespace dormouse::capture
