// Whether a mirror that somebody asks for may be: ceilings, limits, memory.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "agent/settings.h"
#include "wire/mirror_spec.h"

namespace dormouse::agent {

/// Fills in the default ttl, and refuses what no request may have: a Problem 400 for a port of the
/// sidecar itself or a ttl above the maximum, 403 for a port outside the admin's list.
wire::MirrorSpec admitSpec(const Settings& settings, wire::MirrorSpec spec);

/// A mirror that there is already. Valid during the call.
struct Neighbour {
  std::string_view owner;
  const wire::MirrorSpec& spec;
};

/// Refuses one mirror more than fits: a Problem 409 when the others are as many as may be, 503 when
/// its ring, its buffers or its regular expressions would not fit beside theirs.
void admitOneMore(const Settings& settings, const std::vector<Neighbour>& others,
                  const wire::MirrorSpec& spec);

}  // namespace dormouse::agent
