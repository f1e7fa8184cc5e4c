// Lists of mirrors and the agent's status as JSON. One mirror alone: mirror/report.h.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "mirror/mirror_service.h"

namespace dormouse::control {

/// {"mirrors":[…]}, in the order given.
Poco::JSON::Object::Ptr toJson(const std::vector<mirror::MirrorReport>& reports);

/// {"state":"asleep"|"awake","version":…,"uptime_seconds":…,"mirrors":[…],"capture":{…}}.
Poco::JSON::Object::Ptr toJson(const mirror::AgentStatus& status);

}  // namespace dormouse::control
