// What an agent says of itself and of its mirrors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse::client {

/// A mirror that lives, as GET /v1/status shows it. All texts are printable.
struct LivingMirror {
  std::string id;
  std::string owner;                 // Whose token made it.
  std::vector<std::uint16_t> ports;  // Of the pod.
  std::string where;                 // "frames", or the destination of a push mirror.
  std::string started;               // RFC 3339.
  std::string expires;
};

struct AgentState {
  bool awake = false;
  std::string version;
  std::vector<LivingMirror> mirrors;
};

/// Of GET /v1/status. Throws std::invalid_argument naming what is missing. Members it does not know
/// are ignored.
AgentState parseAgentState(std::string_view json);

/// How many mirrors the answer to DELETE /v1/mirrors lists. Throws std::invalid_argument.
std::size_t countMirrors(std::string_view json);

}  // namespace dormouse::client
