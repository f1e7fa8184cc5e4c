// Which clients and which connections a mirror selects.
#pragma once

#include <vector>

#include "common/ip.h"
#include "common/reason.h"
#include "mirror/own_sockets.h"
#include "wire/mirror_spec.h"

namespace dormouse::mirror {

/// Owned by a mirror; data thread only.
class Selection {
 public:
  /// REQUIRES: ownSockets outlives the object.
  Selection(const wire::MirrorSpec& spec, const OwnSockets& ownSockets);

  /// kNone, or why not: kFiltered, a client outside the sources, or the sidecar's own push
  /// connection; kSampledOut, not within the agent's ceiling for mirrors of connections. Which are
  /// is a pure function of the addresses and ports: the same in every mirror, for both directions,
  /// and however often the mirror is asked for.
  Reason judge(const Endpoint& client, const Endpoint& server) const;
  /// Whether judge() takes every connection but the sidecar's own.
  bool everything() const { return sources_.empty() && percent_ == 0; }

 private:
  const std::vector<Network> sources_;
  const double percent_;  // Of the connections; 0: all.
  const OwnSockets& ownSockets_;
};

}  // namespace dormouse::mirror
