#include "mirror/report.h"

#include <Poco/JSON/Array.h>

#include <sstream>

#include "common/log.h"
#include "common/utf8.h"

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
  if (identity.spec.responses) report.ledger.responses.emplace();
  return report;
}

Poco::JSON::Object::Ptr toJson(const MirrorReport& report) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
  Poco::JSON::Array::Ptr ports = new Poco::JSON::Array;
  for (const std::uint16_t port : report.spec.ports) ports->add(port);
  object->set("id", report.id);
  object->set("owner", report.owner);
  object->set("state", report.state == State::kActive ? "active" : "ended");
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
    object->set("source", sources);
  }
  const Poco::JSON::Object::Ptr selection = wire::selectionToJson(report.spec);
  for (const auto& [name, value] : *selection) object->set(name, value);
  object->set("started", formatTime(report.started));
  object->set("expires", formatTime(report.expires));
  if (report.state == State::kEnded) object->set("ended_because", report.endedBecause);
  object->set("ledger", wire::toJson(report.ledger));
  object->set("verdict", report.verdict);
  return object;
}

std::string toText(const Poco::JSON::Object& object) {
  std::ostringstream text;
  object.stringify(text);
  return toValidUtf8(text.str());
}

}  // namespace dormouse::mirror
