#include "client/follow/open_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace dormouse::follow {
namespace {

constexpr std::array<std::uint8_t, 4> kLoopback4 = {127, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0,
                                                     0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool isZero(const std::uint8_t* bytes, std::size_t count) {
  return std::all_of(bytes, bytes + count, [](std::uint8_t byte) { return byte == 0; });
}

/// The address to connect to; of IPv4 the first four bytes.
struct Address {
  bool v6;
  std::array<std::uint8_t, 16> bytes;
};

Address fourOf(const std::uint8_t* bytes) {
  Address address{false, {}};
  const bool any = isZero(bytes, 4);
  std::copy_n(any ? kLoopback4.data() : bytes, 4, address.bytes.begin());
  return address;
}

Address addressOf(const OpenSocket& socket) {
  if (!socket.v6) return fourOf(socket.address.data());
  if (std::equal(kMapped.begin(), kMapped.end(), socket.address.begin())) {
    return fourOf(socket.address.data() + kMapped.size());
  }
  if (!isZero(socket.address.data(), socket.address.size())) return {true, socket.address};
  // A wildcard that takes both: IPv4's loopback is there on every machine.
  if (!socket.v6Only) return fourOf(kMapped.data());
  return {true, kLoopback6};
}

}  // namespace

Destination destinationOf(const OpenSocket& socket) {
  const Address address = addressOf(socket);
  Destination destination;
  if (!address.v6) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(socket.port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof in.sin_addr);
    std::memcpy(&destination.address, &in, sizeof in);
    destination.length = sizeof in;
    return destination;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(socket.port);
  std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof in.sin6_addr);
  if (IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr)) in.sin6_scope_id = socket.interface;
  std::memcpy(&destination.address, &in, sizeof in);
  destination.length = sizeof in;
  return destination;
}

int rankOf(const OpenSocket& socket) {
  const Address address = addressOf(socket);
  if (!address.v6) return address.bytes[0] == kLoopback4[0] ? 0 : 2;
  return address.bytes == kLoopback6 ? 1 : 2;
}

}  // namespace dormouse::follow
