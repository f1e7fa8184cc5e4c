// The local ends of the sidecar's own push connections, so that no mirror mirrors them.
#pragma once

#include <set>

#include "common/ip.h"

namespace dormouse::mirror {

/// Shared by all sinks (which add) and mirrors (which ask). Data thread only.
class OwnSockets {
 public:
  void add(const Endpoint& local) { locals_.insert(local); }
  /// REQUIRES: local was added. Sockets to different destinations may share a local end.
  void remove(const Endpoint& local) { locals_.erase(locals_.find(local)); }
  bool contains(const Endpoint& endpoint) const { return locals_.count(endpoint) != 0; }

 private:
  std::multiset<Endpoint> locals_;
};

}  // namespace dormouse::mirror
