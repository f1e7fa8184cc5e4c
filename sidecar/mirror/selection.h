// Which clients a mirror selects.
#pragma once

#include <vector>

#include "common/ip.h"
#include "mirror/own_sockets.h"

namespace dormouse::mirror {

/// Owned by a mirror; data thread only.
class Selection {
 public:
  /// Empty `sources`: everybody. REQUIRES: ownSockets outlives the object.
  Selection(std::vector<Network> sources, const OwnSockets& ownSockets);

  /// False for a client outside the sources, and for the sidecar's own push connections.
  bool contains(const Endpoint& client) const;

 private:
  const std::vector<Network> sources_;
  const OwnSockets& ownSockets_;
};

}  // namespace dormouse::mirror
