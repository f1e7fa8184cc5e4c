#include "control/report.h"

#include <Poco/JSON/Array.h>

#include "mirror/report.h"

namespace dormouse::control {
namespace {

Poco::JSON::Object::Ptr newObject() {
  return new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Poco::JSON::Array::Ptr toArray(const std::vector<mirror::MirrorReport>& reports) {
  Poco::JSON::Array::Ptr array(new Poco::JSON::Array);
  for (const auto& report : reports) array->add(mirror::toJson(report));
  return array;
}

}  // namespace

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

}  // namespace dormouse::control
