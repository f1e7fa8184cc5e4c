// The names of a flow: its key in the table, and what a listener sees of it.
#pragma once

#include <cstdint>

#include "capture/packet.h"
#include "common/ip.h"

namespace dormouse::reassembly {

/// The number of a mirror within the table.
using MirrorSlot = std::uint8_t;
inline constexpr MirrorSlot kMaxMirrors = 64;
/// A mirror may have a second slot, for what the pod itself sends.
inline constexpr MirrorSlot kMaxSlots = 2 * kMaxMirrors;
constexpr MirrorSlot responseSlot(MirrorSlot mirror) {
  return static_cast<MirrorSlot>(mirror + kMaxMirrors);
}

/// A flow's full identity. Never a bare hash: two connections whose hashes collide stay two.
struct FlowKey {
  Endpoint client;
  Endpoint server;
  std::uint32_t interface = 0;
  capture::Transport transport = capture::Transport::kTcp;
  MirrorSlot mirror = 0;

  bool operator==(const FlowKey&) const = default;
};

/// Names a flow for as long as it is in the table, and never another one after it.
struct FlowId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;

  bool operator==(const FlowId&) const = default;
};

/// What a listener sees of a flow. Valid during the callback.
struct FlowView {
  FlowId id;
  const FlowKey& key;
  WallTime timestamp;         // Of the packet that caused this event.
  std::uint32_t packets = 0;  // Packets that share this flow's fate, the present one included.
  std::uint64_t bytes = 0;    // Payload delivered in order before this event.
  bool fromStart = true;      // False if it was joined in its middle, or goes on behind a hole.
  /// The packet acknowledges more than the flow's packets before it: the server has sent something
  /// in between. For bytes that were held out of order it is known only if they are overdue; there
  /// it is told in the order of the numbers, and not of what comes first behind a hole.
  bool answered = false;
  /// The bytes were held behind a hole that is not waited for any longer: what the server has
  /// answered to them may have passed.
  bool overdue = false;
};

}  // namespace dormouse::reassembly
