// The local ends of the sidecar's own push connections, so that no mirror mirrors them.
#pragma once

#include <deque>
#include <set>
#include <utility>

#include "common/clock.h"
#include "common/ip.h"
#include "common/outgoing_socket.h"

namespace dormouse::mirror {

/// Shared by all sinks (which add) and mirrors (which ask). Data thread only.
class OwnSockets final : public LocalEnds {
 public:
  /// How long a closed socket's end is still known: its packets may lie in another mirror's ring
  /// longer than the socket lived.
  static constexpr Nanos kRemembered = std::chrono::seconds(5);

  /// REQUIRES: clock outlives the object.
  explicit OwnSockets(const Clock& clock) : clock_(clock) {}

  void add(const Endpoint& local) override {
    forget();
    locals_.insert(local);
  }
  void remove(const Endpoint& local) override {
    forget();
    closed_.emplace_back(clock_.now() + kRemembered, local);
  }
  bool contains(const Endpoint& endpoint) const { return locals_.count(endpoint) != 0; }

 private:
  void forget() {
    const TimePoint now = clock_.now();
    while (!closed_.empty() && closed_.front().first <= now) {
      locals_.erase(locals_.find(closed_.front().second));
      closed_.pop_front();
    }
  }

  const Clock& clock_;
  std::multiset<Endpoint> locals_;
  std::deque<std::pair<TimePoint, Endpoint>> closed_;  // Oldest first; still in locals_.
};

}  // namespace dormouse::mirror
