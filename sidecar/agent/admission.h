// Whether a mirror that somebody asks for may be: ceilings, limits, memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/settings.h"
#include "wire/mirror_spec.h"

namespace dormouse::agent {

/// Fills in the default ttl, and refuses what no request may have: a Problem 400 for a port of the
/// sidecar itself or a ttl above the maximum, 403 for a port outside the admin's list.
wire::MirrorSpec admitSpec(const Settings& settings, wire::MirrorSpec spec);

/// Refuses one mirror more than fits: a Problem 409 when `owners` (one entry per mirror that there
/// is) are as many as may be, 503 when its ring or its buffers would not fit. `ofResponses`: how many
/// of all these, the new one included, are to show responses.
void admitOneMore(const Settings& settings, const std::vector<std::string>& owners,
                  std::size_t ofResponses = 0);

}  // namespace dormouse::agent
