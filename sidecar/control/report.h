// Mirrors as JSON: what GET /v1/mirrors/{id} answers and a stream's last record holds.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "mirror/mirror_service.h"

namespace dormouse::control {

/// {"id":…,"owner":…,"state":"active"|"ended","ports":[…],"protocol":…,"to":… or "format":…,
/// "source":[…],"started":…,"expires":…,"ended_because":…,"ledger":{…},"verdict":…}. "source" only
/// if the mirror has one, "ended_because" only once it has ended. Times are RFC 3339 in UTC.
Poco::JSON::Object::Ptr toJson(const mirror::MirrorReport& report);

/// {"mirrors":[…]}, in the order given.
Poco::JSON::Object::Ptr toJson(const std::vector<mirror::MirrorReport>& reports);

/// {"state":"asleep"|"awake","version":…,"uptime_seconds":…,"mirrors":[…],"capture":{…}}.
Poco::JSON::Object::Ptr toJson(const mirror::AgentStatus& status);

/// On one line, without a newline, always valid UTF-8.
std::string toText(const Poco::JSON::Object& object);

}  // namespace dormouse::control
