#include "mirror/selection.h"

#include <algorithm>
#include <utility>

namespace dormouse::mirror {

Selection::Selection(std::vector<Network> sources, const OwnSockets& ownSockets)
    : sources_(std::move(sources)), ownSockets_(ownSockets) {}

bool Selection::contains(const Endpoint& client) const {
  if (ownSockets_.contains(client)) return false;
  return sources_.empty() || std::any_of(sources_.begin(), sources_.end(), [&](const Network& one) {
           return one.contains(client.address);
         });
}

}  // namespace dormouse::mirror
