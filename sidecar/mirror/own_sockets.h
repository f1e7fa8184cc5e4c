// The local ends of the sidecar's own push connections, so that no mirror mirrors them.
#pragma once

#include <set>

#include "common/ip.h"

namespace dormouse::mirror {

/// Shared by all sinks (which add) and mirrors (which ask). Data thread only.
class OwnSockets {
 public:
  void add(const Endpoint& local) { locals_.insert(local); }
  void remove(const Endpoint& local) { locals_.erase(local); }
  bool contains(const Endpoint& endpoint) const { return locals_.count(endpoint) != 0; }

 private:
  std::set<Endpoint> locals_;
};

}  // namespace dormouse::mirror
