// What this client keeps of the agents that it has brought into pods: how to reach them again.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dormouse::client {

/// How an agent came into its pod.
enum class Way : std::uint8_t { kEphemeral, kNode };

/// "ephemeral", "node".
const char* wayName(Way way);

/// An agent that this client has brought into a pod, or is about to.
struct AttachedAgent {
  Way way = Way::kEphemeral;
  std::string name;  // Of its container, or of its Job; an object's name.
  std::string pod;   // That it mirrors.
  std::string nameSpace;
  std::string podUid;
  std::uint16_t controlPort = 0;  // On the pod's loopback.
  std::string token;              // For this agent alone.
  std::chrono::seconds idle{30};  // It ends after so long without a mirror.
};

/// One file for each agent, readable by its owner alone, in a directory that is too. Several
/// clients may use it at once. Main thread only.
class AgentStore {
 public:
  /// `directory` is made when it is needed.
  explicit AgentStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// ${XDG_STATE_HOME:-~/.local/state}/dormouse/agents, from the environment; empty, where nothing
  /// can be kept, if neither XDG_STATE_HOME nor HOME is an absolute path.
  static std::filesystem::path usualDirectory();

  /// Throws ClusterError if it cannot be written.
  void keep(const AttachedAgent& agent) const;
  /// Those of a pod, newest first. What others could have read or written is left out, and so is
  /// what cannot be understood.
  std::vector<AttachedAgent> of(const std::string& podUid) const;
  void forget(const AttachedAgent& agent) const;
  /// Forgets what was kept longer ago than any agent lives without being used: two days.
  void prune() const;

 private:
  std::filesystem::path fileOf(const AttachedAgent& agent) const;

  std::filesystem::path directory_;
};

}  // namespace dormouse::client
