#include "control/report.h"

#include <Poco/JSON/Array.h>

#include <sstream>

#include "common/log.h"
#include "common/utf8.h"

namespace dormouse::control {
namespace {

Poco::JSON::Object::Ptr newObject() {
  return new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Poco::JSON::Array::Ptr toArray(const std::vector<mirror::MirrorReport>& reports) {
  Poco::JSON::Array::Ptr array(new Poco::JSON::Array);
  for (const auto& report : reports) array->add(toJson(report));
  return array;
}

}  // namespace

Poco::JSON::Object::Ptr toJson(const mirror::MirrorReport& report) {
  Poco::JSON::Object::Ptr object = newObject();
  object->set("id", report.id);
  object->set("owner", report.owner);
  object->set("state", report.state == mirror::State::kActive ? "active" : "ended");
  Poco::JSON::Array::Ptr ports(new Poco::JSON::Array);
  for (const std::uint16_t port : report.spec.ports) ports->add(port);
  object->set("ports", ports);
  object->set("protocol", std::string(wire::protocolName(report.spec.protocol)));
  if (report.push) {
    object->set("to", report.spec.to);
  } else {
    object->set("format", std::string(wire::formatName(report.spec.format)));
  }
  if (!report.spec.sources.empty()) {
    Poco::JSON::Array::Ptr sources(new Poco::JSON::Array);
    for (const Network& source : report.spec.sources) sources->add(source.toString());
    object->set("source", sources);
  }
  object->set("started", formatTime(report.started));
  object->set("expires", formatTime(report.expires));
  if (report.state == mirror::State::kEnded) object->set("ended_because", report.endedBecause);
  object->set("ledger", wire::toJson(report.ledger));
  object->set("verdict", report.verdict);
  return object;
}

Poco::JSON::Object::Ptr toJson(const std::vector<mirror::MirrorReport>& reports) {
  Poco::JSON::Object::Ptr object = newObject();
  object->set("mirrors", toArray(reports));
  return object;
}

Poco::JSON::Object::Ptr toJson(const mirror::AgentStatus& status) {
  Poco::JSON::Object::Ptr object = newObject();
  object->set("state", status.awake ? "awake" : "asleep");
  object->set("version", status.version);
  object->set("uptime_seconds", static_cast<Poco::Int64>(status.uptime.count()));
  object->set("mirrors", toArray(status.mirrors));
  Poco::JSON::Object::Ptr capture = newObject();
  capture->set("packets_seen", static_cast<Poco::UInt64>(status.packetsSeen));
  capture->set("kernel_drops", static_cast<Poco::UInt64>(status.kernelDrops));
  capture->set("wakes", static_cast<Poco::UInt64>(status.wakes));
  object->set("capture", capture);
  return object;
}

std::string toText(const Poco::JSON::Object& object) {
  std::ostringstream text;
  object.stringify(text);
  return toValidUtf8(text.str());
}

}  // namespace dormouse::control
