#include "client/agent_state.h"

#include <stdexcept>

#include "client/json_path.h"
#include "client/outcome.h"

namespace dormouse::client {
namespace {

constexpr int kMaxDepth = 16;
constexpr std::size_t kMostText = 300;

std::string textIn(const Poco::JSON::Object& object, const char* name) {
  return printable(textAt(object, {name}).value_or(""), kMostText);
}

LivingMirror mirrorFrom(const Poco::JSON::Object& object) {
  LivingMirror mirror;
  mirror.id = textIn(object, "id");
  mirror.owner = textIn(object, "owner");
  mirror.where = textIn(object, object.has("to") ? "to" : "format");
  mirror.started = textIn(object, "started");
  mirror.expires = textIn(object, "expires");
  for (const std::uint64_t port : unsignedListAt(object, {"ports"})) {
    if (port >= 1 && port <= 65535) mirror.ports.push_back(static_cast<std::uint16_t>(port));
  }
  if (mirror.id.empty() || mirror.owner.empty()) {
    throw std::invalid_argument("its status has a mirror without id or owner");
  }
  return mirror;
}

}  // namespace

AgentState parseAgentState(std::string_view json) {
  const auto object = wire::parseStrictObject(json, kMaxDepth);
  AgentState state;
  const std::string word = textIn(*object, "state");
  if (word != "awake" && word != "asleep") {
    throw std::invalid_argument("its status has no state: is this a Dormouse sidecar?");
  }
  state.awake = word == "awake";
  state.version = textIn(*object, "version");
  for (const auto& mirror : objectsAt(*object, {"mirrors"})) {
    state.mirrors.push_back(mirrorFrom(*mirror));
  }
  return state;
}

std::size_t countMirrors(std::string_view json) {
  const auto object = wire::parseStrictObject(json, kMaxDepth);
  if (!object->isArray("mirrors")) {
    throw std::invalid_argument("its answer lists no mirrors: is this a Dormouse sidecar?");
  }
  return objectsAt(*object, {"mirrors"}).size();
}

}  // namespace dormouse::client
