// Names to addresses.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "common/ip.h"

namespace dormouse::sink {

/// The name could not be resolved. what() says why, in a few words.
class ResolveError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Any thread may call; may block for many seconds.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// At least one address, in the order of preference, without duplicates. Throws ResolveError.
  virtual std::vector<IpAddress> resolve(const std::string& host) = 0;
};

/// getaddrinfo(3): the pod's own resolv.conf and hosts file.
class SystemResolver final : public Resolver {
 public:
  std::vector<IpAddress> resolve(const std::string& host) override;
};

}  // namespace dormouse::sink
