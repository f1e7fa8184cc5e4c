#include "mirror/selection.h"

#include <algorithm>
#include <array>

#include "http/sampler.h"

namespace dormouse::mirror {
namespace {

constexpr std::size_t kEndpointBytes = 18;

/// Address and port in network order.
void write(const Endpoint& endpoint, char* to) {
  std::copy(endpoint.address.bytes().begin(), endpoint.address.bytes().end(), to);
  to[kEndpointBytes - 2] = static_cast<char>(endpoint.port >> 8U);
  to[kEndpointBytes - 1] = static_cast<char>(endpoint.port & 0xffU);
}

}  // namespace

Selection::Selection(const wire::MirrorSpec& spec, const OwnSockets& ownSockets)
    : sources_(spec.sources),
      percent_(spec.ofRequests() ? 0 : spec.ceilingPercent),
      ownSockets_(ownSockets) {}

Reason Selection::judge(const Endpoint& client, const Endpoint& server) const {
  if (ownSockets_.contains(client)) return Reason::kFiltered;
  const bool named = sources_.empty() ||
                     std::any_of(sources_.begin(), sources_.end(),
                                 [&](const Network& one) { return one.contains(client.address); });
  if (!named) return Reason::kFiltered;
  if (percent_ == 0) return Reason::kNone;
  std::array<char, 2 * kEndpointBytes> key{};
  write(client, key.data());
  write(server, key.data() + kEndpointBytes);
  const double rank = http::sampleRank({key.data(), key.size()});
  return rank < percent_ ? Reason::kNone : Reason::kSampledOut;
}

}  // namespace dormouse::mirror
