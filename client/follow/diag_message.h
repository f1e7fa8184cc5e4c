// The kernel's list of sockets, as netlink carries it (sock_diag(7)): pure, no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "client/follow/open_socket.h"

namespace dormouse::follow {

/// Asks for all sockets of one protocol and family that take traffic: TCP in LISTEN, UDP that is
/// connected to nobody.
std::vector<std::uint8_t> diagRequest(Protocol protocol, bool v6, std::uint32_t sequence);

enum class DiagState : std::uint8_t {
  kMore,    // The answer goes on in the next datagram.
  kDone,    // It is whole.
  kFailed,  // The kernel refuses, or it is no answer.
};

struct DiagResult {
  DiagState state = DiagState::kMore;
  int error = 0;             // errno of kFailed.
  bool interrupted = false;  // The list changed meanwhile, and may lack sockets.
};

/// Reads one datagram and appends what it lists. Messages with another sequence number are those of
/// an earlier request and are passed over; nothing behind the end of `bytes` is read, whatever
/// lengths they state.
DiagResult parseDiag(std::span<const std::uint8_t> bytes, Protocol protocol, std::uint32_t sequence,
                     OpenSockets& into);

}  // namespace dormouse::follow
