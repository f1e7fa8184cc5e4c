#include "client/attach_session.h"

#include <optional>
#include <string>

#include "client/access.h"
#include "client/agent_list.h"
#include "client/agent_store.h"
#include "client/attach.h"
#include "client/inquiry.h"
#include "client/mirror_session.h"
#include "client/way_in.h"

namespace dormouse::client {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(200);
constexpr Nanos kPatience = std::chrono::seconds(10);

/// What each of these commands needs: signals first, before there is a thread.
struct Run {
  Run(const Kubectl& kubectl, Display& display, const Clock& clock)
      : cluster(
            kubectl, loop, clock, [this] { return signals.pending(); },
            [&display](const std::string& sentence) { display.notice(sentence); }) {}

  Signals signals;
  EventLoop loop;
  const Cluster cluster;
};

Pod podOf(const Cluster& cluster, const Arguments& arguments) {
  return choosePods(cluster, arguments.target).pods.at(0);
}

// A pod with an agent needs no other one.
bool hasAgent(const Pod& pod, const Cluster& cluster) {
  try {
    controlPortOf(pod, {}, cluster.kubectl().typedOptions());
    return true;
  } catch (const ObjectError&) {
    return false;
  }
}

void sayWhatIsNext(const Attached& attached, const Cluster& cluster) {
  const AttachedAgent& agent = attached.agent;
  const std::string typed = cluster.kubectl().typedOptions();
  const std::string target = "pod/" + agent.pod;
  cluster.notice("next: kubectl mirror " + typed + target +
                 " REMOTE:LOCAL mirrors, kubectl mirror " + typed + "detach " + target +
                 " ends; it ends by itself after " + std::to_string(agent.idle.count()) +
                 " s without a mirror");
}

// Ends the mirrors that `token` has made there; a sentence.
std::string endMirrors(const Pod& pod, const AgentWish& wish, const std::string& token,
                       const Cluster& cluster) {
  Inquiry inquiry(
      pod, wish, token,
      [](const ControlClient& control) { return std::to_string(control.removeAll()); }, kPatience,
      cluster.kubectl(), cluster.loop(), cluster.clock());
  for (inquiry.tend(); !inquiry.done(); inquiry.tend()) cluster.pause(kTick);
  const std::optional<std::string> answer = inquiry.answer();
  if (!answer) throw ClusterError(inquiry.trouble());
  return *answer == "1" ? "1 mirror of yours has ended" : *answer + " mirrors of yours have ended";
}

}  // namespace

ExitCode runAttach(const Arguments& arguments, const Kubectl& kubectl, Display& display,
                   const Clock& clock) {
  Run run(kubectl, display, clock);
  Arguments resolved = arguments;
  Beginning beginning{choosePods(run.cluster, arguments.target), ""};
  const Pod pod = beginning.chosen.pods.at(0);
  const auto mirror = [&] {
    return mirrorPods(resolved, beginning, kubectl, run.signals, run.loop, display, clock);
  };
  if (hasAgent(pod, run.cluster)) {
    run.cluster.notice("pod/" + pod.name + " has a mirror agent already: none is attached");
    if (arguments.pairs.empty()) return ExitCode::kDelivered;
    beginning.token = run.cluster.token(arguments.secret, "");
    return mirror();
  }
  const AgentStore store(AgentStore::usualDirectory());
  const Attached attached = attachAgent(pod, arguments, store, run.cluster);
  const AttachedAgent& agent = attached.agent;
  display.attached("pod/" + pod.name, agent.name, wayName(agent.way), agent.controlPort);
  const std::string remains = makeWayIn(agent.way, arguments.attach, run.cluster)->remains();
  if (!remains.empty()) run.cluster.notice(remains);
  if (arguments.pairs.empty()) {
    sayWhatIsNext(attached, run.cluster);
    return ExitCode::kDelivered;
  }
  beginning.chosen.pods = {attached.pod};
  beginning.token = agent.token;
  resolved.agent = wishOf(agent);
  try {
    const ExitCode code = mirror();
    letGo(attached, store, run.cluster);
    return code;
  } catch (...) {
    letGo(attached, store, run.cluster);
    throw;
  }
}

ExitCode runDetach(const Arguments& arguments, const Kubectl& kubectl, Display& display,
                   const Clock& clock) {
  const Run run(kubectl, display, clock);
  const Pod pod = podOf(run.cluster, arguments);
  const std::string start = "pod/" + pod.name + ": ";
  unsigned found = 0;
  unsigned failed = 0;
  // One agent that does not answer keeps no other from being told.
  const auto tell = [&](const std::string& name, const auto& step) {
    try {
      run.cluster.notice(start + name + step());
    } catch (const ClusterError& error) {
      ++failed;
      run.cluster.notice(start + name + error.what());
    }
  };
  const AgentStore store(AgentStore::usualDirectory());
  for (const AttachedAgent& agent : store.of(pod.uid)) {
    const auto way = makeWayIn(agent.way, arguments.attach, run.cluster);
    bool runs = true;
    try {
      runs = way->mayRun(agent, pod);
    } catch (const ClusterError&) {
      runs = true;  // The cluster does not tell; the agent may.
    }
    if (!runs) {
      store.forget(agent);
      continue;
    }
    ++found;
    const std::string name = agent.name + ": ";
    tell(name, [&] { return endMirrors(pod, wishOf(agent), agent.token, run.cluster); });
    tell(name, [&] { return way->release(agent); });
  }
  if (hasAgent(pod, run.cluster)) {
    ++found;
    tell("", [&] {
      const Access access = accessTo(pod, arguments, run.cluster);
      return endMirrors(pod, access.wish, access.token, run.cluster) +
             "; the agent goes on sleeping";
    });
  }
  if (found == 0) {
    throw ClusterError(start + "no agent runs there that was injected or attached by you");
  }
  return failed == 0 ? ExitCode::kDelivered : ExitCode::kRefused;
}

ExitCode runList(const Arguments& arguments, const Kubectl& kubectl, std::ostream& out,
                 Display& notices, const Clock& clock) {
  const Run run(kubectl, notices, clock);
  const AgentStore store(AgentStore::usualDirectory());
  const auto rows = listAgents(arguments, store, run.cluster);
  out << (arguments.json ? jsonOf(rows) : tableOf(rows)) << std::flush;
  return ExitCode::kDelivered;
}

}  // namespace dormouse::client
