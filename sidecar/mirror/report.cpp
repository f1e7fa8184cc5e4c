#include "mirror/report.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/JSON/Array.h>
#include <Poco/Timestamp.h>

#include <sstream>

namespace dormouse::mirror {

MirrorReport describe(const MirrorIdentity& identity, const std::string& endedBecause) {
  MirrorReport report;
  report.id = identity.id;
  report.owner = identity.owner;
  report.state = endedBecause.empty() ? State::kActive : State::kEnded;
  report.push = identity.push;
  report.spec = identity.spec;
  report.started = identity.started;
  report.expires = identity.expires;
  report.endedBecause = endedBecause;
  return report;
}

std::string formatTime(WallTime time) {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return Poco::DateTimeFormatter::format(Poco::Timestamp(micros),

                                         "%Y-%m-%dT%H:%M:%S.%iZ");
}

Poco::JSON::Object::Ptr toJson(const MirrorReport& report) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
  Poco::JSON::Array::Ptr ports = new Poco::JSON::Array;
  for (const std::uint16_t port : report.spec.ports) ports->add(static_cast<int>(port));
  object->set("id", report.id);
  object->set("owner", report.owner);
  object->set("state", report.state == State::kActive ? "active" : "ended");
  if (!report.endedBecause.empty()) object->set("endedBecause", report.endedBecause);
  object->set("ports", ports);
  object->set("protocol", std::string(wire::protocolName(report.spec.protocol)));
  if (report.push) {
    object->set("to", report.spec.to);
  } else {
    object->set("format", std::string(wire::formatName(report.spec.format)));
  }
  object->set("midstream", std::string(wire::midstreamName(report.spec.midstream)));
  if (!report.spec.sources.empty()) {
    Poco::JSON::Array::Ptr sources = new Poco::JSON::Array;
    for (const Network& network : report.spec.sources) sources->add(network.toString());
    Poco::JSON::Object::Ptr filter = new Poco::JSON::Object;
    filter->set("source", sources);
    object->set("filter", filter);
  }
  object->set("started", formatTime(report.started));
  object->set("expires", formatTime(report.expires));
  object->set("ledger", wire::toJson(report.ledger));
  object->set("verdict", report.verdict);
  return object;
}

std::string toText(const MirrorReport& report) {
  std::ostringstream text;
  toJson(report)->stringify(text);
  return text.str();
}

}  // namespace dormouse::mirror
