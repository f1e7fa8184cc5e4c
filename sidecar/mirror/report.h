// A mirror's report: how it is made, and how it reads as JSON.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>

#include "mirror/mirror.h"
#include "mirror/mirror_service.h"

namespace dormouse::mirror {

/// A report without its ledger and verdict. An empty `endedBecause` means: active.
MirrorReport describe(const MirrorIdentity& identity, const std::string& endedBecause);

/// {"id","owner","state","ports","protocol","to" or "format",…,"ledger","verdict"}: the mirror as
/// the control API shows it and as a stream's last record carries it.
Poco::JSON::Object::Ptr toJson(const MirrorReport& report);

/// The same as text, without line breaks.
std::string toText(const MirrorReport& report);

/// RFC 3339 in UTC with milliseconds.
std::string formatTime(WallTime time);

}  // namespace dormouse::mirror
