// Whether a mirror that somebody asks for may be: ceilings, limits, memory.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "agent/settings.h"
#include "wire/mirror_spec.h"

namespace dormouse::agent {

/// Fills in what no request has to say or may lift: the default ttl, the admin's ceilings for the
/// share and for what is redacted. Refuses what no request may have: a Problem 400 for a port of
/// the sidecar itself, a ttl above the maximum or a pattern that is none; 403 for a port outside
/// the admin's list, a share above the ceiling, and, where something is redacted, for all that
/// could bring it or be selected by it.
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
