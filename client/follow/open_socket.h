// A socket that takes traffic, as the kernel lists it.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <vector>

namespace dormouse::follow {

enum class Protocol : std::uint8_t { kTcp, kUdp };

/// A listening TCP socket, or a bound UDP socket that is connected to nobody.
struct OpenSocket {
  Protocol protocol = Protocol::kTcp;
  bool v6 = false;
  bool v6Only = false;                        // Only with v6; false where the kernel does not say.
  std::array<std::uint8_t, 16> address = {};  // Network order; IPv4 in the first four.
  std::uint32_t interface = 0;                // It is bound to; 0: to none.
  std::uint16_t port = 0;                     // Never 0.
  std::uint64_t inode = 0;                    // Never 0.

  auto operator<=>(const OpenSocket&) const = default;
};

using OpenSockets = std::vector<OpenSocket>;

/// Where a connection from this machine reaches that socket: a wildcard by loopback.
struct Destination {
  sockaddr_storage address{};
  socklen_t length = 0;
};
Destination destinationOf(const OpenSocket& socket);

/// How well a destination serves: 0 IPv4 loopback, 1 IPv6 loopback, 2 another address.
int rankOf(const OpenSocket& socket);

}  // namespace dormouse::follow
