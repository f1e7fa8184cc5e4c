// Whether a mirror that somebody asks for may be: ceilings, limits, memory.
#pragma once

#include <cstddef>
#include <string>
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

/// Refuses one mirror more than fits: a Problem 409 when `owners` (one entry per mirror that there
/// is) are as many as may be, 503 when its ring or its buffers would not fit.
void admitOneMore(const Settings& settings, const std::vector<std::string>& owners);

}  // namespace dormouse::agent
