// A pod as the API server describes it, as far as a mirror needs to know it.
#pragma once

#include <Poco/JSON/Object.h>

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse::client {

/// Text from the cluster is not what it should be. what() is a printable sentence.
class ObjectError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A pod without a mirror agent, which it will never get.
class NoAgentError : public ObjectError {
  using ObjectError::ObjectError;
};

struct Pod {
  std::string name;       // A DNS name.
  std::string nameSpace;  // A DNS name.
  std::string uid;
  std::string phase;     // "Running", "Pending"…
  bool leaving = false;  // Being deleted.
  std::map<std::string, std::string> labels;
  std::optional<std::string> status;  // The annotation dormouse.dev/status.
  struct Container {
    std::string name;
    std::string image;
    bool ephemeral = false;
    std::string state;    // "running", or why not: "waiting: CrashLoopBackOff"; empty: unknown.
    std::string message;  // More on why not; may be empty.
    std::vector<std::uint16_t> ports;                 // TCP and UDP, as declared.
    std::map<std::string, std::uint16_t> namedPorts;  // Those of them that have a name.
  };
  std::vector<Container> containers;  // Init containers first, ephemeral ones last.
  bool hostNetwork = false;           // It has the node's network, not one of its own.

  const Container* container(std::string_view name) const;
  bool running() const { return phase == "Running" && !leaving; }
};

/// A pod's agent as the injector wrote it down, or as the developer says.
struct AgentWish {
  std::string container;          // Its container; empty: "dormouse".
  std::uint16_t controlPort = 0;  // 0: the annotation's, else 4747.
  bool attached = false;          // It came later: what the injector wrote down does not count.
};

/// An object of kind Pod. Throws ObjectError naming what is missing or of a wrong type.
Pod podFromJson(const Poco::JSON::Object& object);

/// One object of any kind, as kubectl prints it. Throws ObjectError.
Poco::JSON::Object::Ptr objectFromText(std::string_view text);

/// The members of an object of kind List. Throws ObjectError.
std::vector<Poco::JSON::Object::Ptr> itemsOf(const Poco::JSON::Object& list);

/// The port of the pod's agent, if it has one that runs. Else throws ObjectError, NoAgentError
/// where that fits, with a sentence about this pod, which says what to do. `typedOptions`: as
/// Kubectl::typedOptions().
std::uint16_t controlPortOf(const Pod& pod, const AgentWish& wish, const std::string& typedOptions);

/// False while the agent's container is known not to run.
bool agentMayAnswer(const Pod& pod, const AgentWish& wish);

/// True for what the API server takes as the name of an object (RFC 1123 subdomain).
bool isObjectName(std::string_view text);

}  // namespace dormouse::client
