// A mirror's report: how it is made, and how it reads as JSON.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>

#include "mirror/mirror.h"
#include "mirror/mirror_service.h"

namespace dormouse::mirror {

/// A report without its ledger and verdict. An empty `endedBecause` means: active.
MirrorReport describe(const MirrorIdentity& identity, const std::string& endedBecause);

/// {"id":…,"owner":…,"state":"active"|"ended","ports":[…],"protocol":…,"to":… or "format":…,
/// "midstream":…,"source":[…],"filter":{…},"sample":{…},"rate":…,"started":…,"expires":…,"ended_because":…,"ledger":{…},"verdict":…}:
/// the mirror as the control API shows it and as a stream's last record carries it. "source"
/// (which "filter" holds too), "filter", "sample" and "rate" only if the mirror has them,
/// "ended_because" only once it has ended. Times are RFC 3339 in UTC.
Poco::JSON::Object::Ptr toJson(const MirrorReport& report);

/// On one line, without a newline, always valid UTF-8.
std::string toText(const Poco::JSON::Object& object);

}  // namespace dormouse::mirror
