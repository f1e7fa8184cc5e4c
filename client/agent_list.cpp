#include "client/agent_list.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>

#include "client/inquiry.h"
#include "client/pod.h"
#include "client/way_in.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kAtATime = 8;
constexpr Nanos kPatience = std::chrono::seconds(10);
constexpr Nanos kTick = std::chrono::milliseconds(200);
constexpr const char* kInjected = "dormouse";
// See agentContainer(): what tells an agent of anybody's from other ephemeral containers.
constexpr const char* kAttachedStart = "dormouse-";

/// An agent that is to be asked, or is known not to answer.
struct Asked {
  AgentRow row;
  const Pod* pod = nullptr;
  AgentWish wish;
  std::string token;
  std::unique_ptr<Inquiry> inquiry;
};

/// The token of the injected agents, asked for once, when the first one is found.
class SharedToken {
 public:
  SharedToken(const Arguments& arguments, const Cluster& cluster)
      : arguments_(arguments), cluster_(cluster), token_(arguments.token) {}

  void giveTo(Asked& asked) {
    if (token_.empty() && trouble_.empty()) {
      try {
        token_ = cluster_.token(arguments_.secret, arguments_.as);
      } catch (const ClusterError& error) {
        trouble_ = error.what();
      }
    }
    asked.token = token_;
    asked.row.trouble = trouble_;
  }

 private:
  const Arguments& arguments_;
  const Cluster& cluster_;
  std::string token_;
  std::string trouble_;
};

Asked rowFor(const Pod& pod, std::string way, std::string agent) {
  Asked asked;
  asked.pod = &pod;
  asked.row = {pod.name, pod.nameSpace, std::move(way), std::move(agent), {}, ""};
  return asked;
}

void addInjected(std::vector<Asked>& all, const Pod& pod, const Arguments& arguments,
                 SharedToken& token, const Cluster& cluster) {
  Asked asked = rowFor(pod, "injected", kInjected);
  asked.wish = arguments.agent;
  try {
    controlPortOf(pod, asked.wish, cluster.kubectl().typedOptions());
  } catch (const NoAgentError&) {
    return;
  } catch (const ObjectError& error) {
    // Of a pod that has none either, this says only that it does not run.
    if (!pod.status && pod.container(kInjected) == nullptr) return;
    asked.row.trouble = error.what();
  }
  if (asked.row.trouble.empty()) token.giveTo(asked);
  all.push_back(std::move(asked));
}

void addAttached(std::vector<Asked>& all, const Pod& pod, const AgentStore& store,
                 const Cluster& cluster) {
  std::vector<std::string> mine;
  for (const AttachedAgent& agent : store.of(pod.uid)) {
    mine.push_back(agent.name);
    std::string trouble;
    try {
      if (!makeWayIn(agent.way, {}, cluster)->mayRun(agent, pod)) {
        store.forget(agent);
        continue;
      }
    } catch (const ClusterError& error) {
      trouble = error.what();
    }
    Asked asked = rowFor(pod, wayName(agent.way), agent.name);
    asked.wish = wishOf(agent);
    asked.token = agent.token;
    asked.row.trouble = trouble;
    all.push_back(std::move(asked));
  }
  for (const Pod::Container& container : pod.containers) {
    const bool others = container.ephemeral && container.name.starts_with(kAttachedStart) &&
                        container.state == "running" &&
                        std::find(mine.begin(), mine.end(), container.name) == mine.end();
    if (!others) continue;
    Asked asked = rowFor(pod, wayName(Way::kEphemeral), container.name);
    asked.row.trouble = "attached by somebody else, or from another machine: its token is not here";
    all.push_back(std::move(asked));
  }
}

void ask(std::vector<Asked>& all, const Cluster& cluster) {
  for (;;) {
    std::size_t under = 0;
    bool waiting = false;
    for (Asked& asked : all) {
      if (asked.inquiry) {
        asked.inquiry->tend();
        if (!asked.inquiry->done()) {
          ++under;
          continue;
        }
        asked.row.trouble = asked.inquiry->trouble();
        if (const auto& answer = asked.inquiry->answer()) {
          asked.row.state = parseAgentState(*answer);
        }
        asked.inquiry.reset();
      } else if (!asked.row.state && asked.row.trouble.empty()) {
        if (under == kAtATime) {
          waiting = true;
          continue;
        }
        ++under;
        asked.inquiry = std::make_unique<Inquiry>(
            *asked.pod, asked.wish, asked.token,
            [](const ControlClient& control) { return control.statusText(); }, kPatience,
            cluster.kubectl(), cluster.loop(), cluster.clock());
      }
    }
    if (under == 0 && !waiting) return;
    cluster.pause(kTick);
  }
}

using Line = std::array<std::string, 7>;

std::string portsOf(const LivingMirror& mirror) {
  std::string text;
  for (const std::uint16_t port : mirror.ports) {
    text += (text.empty() ? "" : ",") + std::to_string(port);
  }
  return text;
}

std::vector<Line> linesOf(const std::vector<AgentRow>& rows) {
  std::vector<Line> lines = {{"POD", "WAY", "STATE", "OWNER", "PORTS", "TO", "EXPIRES"}};
  for (const AgentRow& row : rows) {
    if (!row.state) {
      lines.push_back({row.pod, row.way, "unknown: " + row.trouble, "", "", "", ""});
    } else if (row.state->mirrors.empty()) {
      lines.push_back(
          {row.pod, row.way, row.state->awake ? "awake" : "asleep", "-", "-", "-", "-"});
    } else {
      for (const LivingMirror& mirror : row.state->mirrors) {
        lines.push_back({row.pod, row.way, "awake", mirror.owner, portsOf(mirror), mirror.where,
                         mirror.expires});
      }
    }
  }
  return lines;
}

}  // namespace

std::vector<AgentRow> listAgents(const Arguments& arguments, const AgentStore& store,
                                 const Cluster& cluster) {
  store.prune();
  std::vector<Pod> pods = cluster.pods("");
  std::sort(pods.begin(), pods.end(),
            [](const Pod& one, const Pod& other) { return one.name < other.name; });
  SharedToken token(arguments, cluster);
  std::vector<Asked> all;
  for (const Pod& pod : pods) {
    if (!pod.running()) continue;
    addInjected(all, pod, arguments, token, cluster);
    addAttached(all, pod, store, cluster);
  }
  ask(all, cluster);
  std::vector<AgentRow> rows;
  rows.reserve(all.size());
  for (Asked& asked : all) rows.push_back(std::move(asked.row));
  return rows;
}

std::string tableOf(const std::vector<AgentRow>& rows) {
  if (rows.empty()) return "no agent runs in this namespace\n";
  const std::vector<Line> lines = linesOf(rows);
  std::array<std::size_t, 7> widths{};
  for (const Line& line : lines) {
    // What is behind a sentence is empty: it may be as long as it likes.
    const bool sentence = line.back().empty();
    for (std::size_t i = 0; i < (sentence ? 2 : line.size()); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += line[i];
      if (line[i].size() < widths[i]) row.append(widths[i] - line[i].size(), ' ');
      row += "  ";
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

std::string jsonOf(const std::vector<AgentRow>& rows) {
  Poco::JSON::Array::Ptr agents = new Poco::JSON::Array;
  for (const AgentRow& row : rows) {
    Poco::JSON::Object::Ptr object = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
    object->set("pod", row.pod);
    object->set("namespace", row.nameSpace);
    object->set("way", row.way);
    object->set("agent", row.agent);
    object->set("state", std::string(!row.state         ? "unknown"
                                     : row.state->awake ? "awake"
                                                        : "asleep"));
    if (!row.state) object->set("trouble", row.trouble);
    if (row.state) {
      object->set("version", row.state->version);
      Poco::JSON::Array::Ptr mirrors = new Poco::JSON::Array;
      for (const LivingMirror& mirror : row.state->mirrors) {
        Poco::JSON::Object::Ptr one = new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
        Poco::JSON::Array::Ptr ports = new Poco::JSON::Array;
        for (const std::uint16_t port : mirror.ports) ports->add(port);
        one->set("id", mirror.id);
        one->set("owner", mirror.owner);
        one->set("ports", ports);
        one->set("to", mirror.where);
        one->set("started", mirror.started);
        one->set("expires", mirror.expires);
        mirrors->add(one);
      }
      object->set("mirrors", mirrors);
    }
    agents->add(object);
  }
  Poco::JSON::Object all;
  all.set("agents", agents);
  std::ostringstream text;
  all.stringify(text);
  return text.str() + "\n";
}

}  // namespace dormouse::client
