#include "client/attach.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <exception>
#include <memory>
#include <set>

#include "client/agent_state.h"
#include "client/fresh_token.h"
#include "client/inquiry.h"
#include "client/way_in.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kNameBytes = 3;
constexpr Nanos kTick = std::chrono::milliseconds(200);
constexpr Nanos kNewPatience = std::chrono::seconds(30);
constexpr Nanos kKeptPatience = std::chrono::seconds(5);
constexpr Nanos kLastPatience = std::chrono::seconds(5);

// Ports that programs are told to listen on are rarely up there, and the kernel gives out none
// below 32768 for outgoing connections.
constexpr std::uint16_t kFirstPort = 20000;
constexpr std::uint16_t kLastPort = 32000;

std::uint16_t randomPort(const Pod& pod) {
  std::set<std::uint16_t> declared;
  for (const Pod::Container& container : pod.containers) {
    declared.insert(container.ports.begin(), container.ports.end());
  }
  for (;;) {
    const std::string digits = randomHex(4);
    std::uint32_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    const auto port = static_cast<std::uint16_t>(kFirstPort + number % (kLastPort - kFirstPort));
    if (declared.count(port) == 0) return port;
  }
}

// The pod that an agent may come into. Throws ClusterError.
void demandFit(const Pod& pod, const AttachWish& wish) {
  const std::string start = "pod/" + pod.name;
  if (!pod.running()) {
    throw ClusterError(start + " is not running: " +
                       (pod.leaving ? "it is being deleted" : "its phase is " + pod.phase));
  }
  if (pod.hostNetwork) {
    throw ClusterError(start +
                       " has its node's network: an agent there would see the traffic of "
                       "the node and of all such pods, so none is attached");
  }
  if (wish.container.empty()) return;
  const Pod::Container* container = pod.container(wish.container);
  if (container == nullptr) throw ClusterError(start + " has no container " + wish.container);
  if (container->state != "running") {
    throw ClusterError(start + ": its container " + wish.container + " is not running" +
                       (container->state.empty() ? "" : " (" + container->state + ")"));
  }
}

AttachedAgent newAgent(const Pod& pod, const Arguments& arguments) {
  AttachedAgent agent;
  agent.way = arguments.attach.node ? Way::kNode : Way::kEphemeral;
  agent.name = "dormouse-" + randomHex(kNameBytes);
  agent.pod = pod.name;
  agent.nameSpace = pod.nameSpace;
  agent.podUid = pod.uid;
  agent.controlPort =
      arguments.agent.controlPort != 0 ? arguments.agent.controlPort : randomPort(pod);
  agent.token = randomHex(kTokenBytes);
  agent.idle = arguments.attach.idle;
  return agent;
}

}  // namespace

void awaitAnswer(const AttachedAgent& agent, const Pod& pod, Nanos patience,
                 const Cluster& cluster) {
  Inquiry inquiry(
      pod, wishOf(agent), agent.token,
      [](const ControlClient& control) { return control.statusText(); }, patience,
      cluster.kubectl(), cluster.loop(), cluster.clock());
  for (inquiry.tend(); !inquiry.done(); inquiry.tend()) cluster.pause(kTick);
  if (!inquiry.answer()) throw ClusterError(inquiry.trouble());
}

std::optional<AttachedAgent> keptAgent(const Pod& pod, const AgentStore& store,
                                       const Cluster& cluster) {
  for (const AttachedAgent& agent : store.of(pod.uid)) {
    try {
      if (makeWayIn(agent.way, {}, cluster)->mayRun(agent, pod)) {
        store.keep(agent);  // It is as if it were new.
        return agent;
      }
      store.forget(agent);
    } catch (const ClusterError& error) {
      cluster.notice("pod/" + pod.name + ": whether the agent " + agent.name +
                     " still runs is not known: " + error.what());
    }
  }
  return std::nullopt;
}

Attached attachAgent(const Pod& pod, const Arguments& arguments, const AgentStore& store,
                     const Cluster& cluster) {
  demandFit(pod, arguments.attach);
  store.prune();
  const Way way = arguments.attach.node ? Way::kNode : Way::kEphemeral;
  const auto wayIn = makeWayIn(way, arguments.attach, cluster);
  for (const AttachedAgent& kept : store.of(pod.uid)) {
    if (kept.way != way) continue;
    try {
      if (wayIn->mayRun(kept, pod)) {
        awaitAnswer(kept, pod, kKeptPatience, cluster);
        store.keep(kept);  // It is as if it were new.
        cluster.notice("pod/" + pod.name + ": the agent " + kept.name +
                       " that was attached before still runs and is used again");
        return {pod, kept, false};
      }
      store.forget(kept);
    } catch (const ClusterError& error) {
      cluster.notice("pod/" + pod.name + ": the agent " + kept.name +
                     " that was attached before does not answer (" + error.what() + ")");
    }
  }
  const AttachedAgent agent = newAgent(pod, arguments);
  const NewAgent fresh{agent, pod, localPrincipal(), sha256Hex(agent.token),
                       arguments.attach.container};
  store.keep(agent);
  try {
    Attached attached{wayIn->bring(fresh), agent};
    awaitAnswer(agent, attached.pod, kNewPatience, cluster);
    store.keep(agent);  // Another run may have taken it for one that has ended.
    return attached;
  } catch (const ClusterError&) {
    wayIn->abandon(agent);
    store.forget(agent);
    throw;
  }
}

void letGo(const Attached& attached, const AgentStore& store, const Cluster& cluster) {
  if (!attached.fresh || attached.agent.way != Way::kNode) return;
  // Of this client's own mirrors the last may be ending just now: asked again while it is awake.
  const auto awake = std::make_shared<std::atomic<bool>>(false);
  try {
    Inquiry inquiry(
        attached.pod, wishOf(attached.agent), attached.agent.token,
        [awake](const ControlClient& control) {
          *awake = parseAgentState(control.statusText()).awake;
          if (*awake) throw ControlError("it is awake");
          return std::string();
        },
        kLastPatience, cluster.kubectl(), cluster.loop(), cluster.clock());
    for (inquiry.tend(); !inquiry.done(); inquiry.tend()) cluster.pause(kTick);
    // Where it cannot be asked, somebody else may reach it: then it ends by itself.
    if (inquiry.answer()) {
      makeWayIn(attached.agent.way, {}, cluster)->abandon(attached.agent);
      store.forget(attached.agent);
    } else if (*awake) {
      cluster.notice("the agent " + attached.agent.name +
                     " stays for somebody who mirrors with it, and then ends by itself");
    }
  } catch (const std::exception&) {
    // Cancelled, or out of resources: nothing that counts more than how the mirror ended.
  }
}

}  // namespace dormouse::client
