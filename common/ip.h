// Addresses, endpoints and networks as values. No sockets, no name resolution.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dormouse {

/// An IPv4 or IPv6 address. IPv4 is kept as the IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), so
/// that one key type serves both and ::ffff:10.0.0.1 equals 10.0.0.1, as it does for a dual-stack
/// socket.
class IpAddress {
 public:
  IpAddress() = default;
  static IpAddress v4(std::span<const std::uint8_t, 4> bytes);
  static IpAddress v6(std::span<const std::uint8_t, 16> bytes);
  /// "10.0.0.7", "2001:db8::1"; no brackets, no zone, no port. Nothing if it is neither.
  static std::optional<IpAddress> parse(std::string_view text);

  bool isV4() const;
  bool isLoopback() const;
  bool isUnspecified() const;
  /// All 16 bytes, network order; the last four are the IPv4 address if isV4().
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string toString() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address and a port (host byte order).
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "10.0.0.7:80" or "[2001:db8::1]:80".
  std::string toString() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// A network in CIDR notation.
class Network {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or a bare address (that host alone). Host bits below the
  /// prefix must be zero. Nothing if it is not a network.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string toString() const;
  auto operator<=>(const Network&) const = default;

 private:
  IpAddress base_;
  std::uint8_t prefix_ = 0;  // Counted in the 128 bits of the mapped form.
};

}  // namespace dormouse
