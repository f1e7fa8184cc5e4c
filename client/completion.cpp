#include "client/completion.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include "client/option_table.h"
#include "client/outcome.h"
#include "client/pods.h"

namespace dormouse::client {
namespace {

// cobra's ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp.
constexpr int kWithFiles = 0;
constexpr int kNoFiles = 4;
constexpr const char* kSoon = "--request-timeout=3s";

constexpr std::array<std::pair<const char*, const char*>, 5> kSubcommands = {
    {{"pcap", "write packets"},
     {"exec", "start a program and mirror its ports"},
     {"attach", "bring an agent into a pod that has none"},
     {"detach", "end your mirrors in a pod"},
     {"list", "who is awake where"}}};

bool isSubcommand(const std::string& word) {
  return std::any_of(kSubcommands.begin(), kSubcommands.end(),
                     [&](const auto& subcommand) { return word == subcommand.first; });
}

/// The words typed, told apart.
struct Typed {
  bool onePod() const { return subcommand == "attach" || subcommand == "detach"; }
  bool takesPorts() const { return subcommand != "exec" && subcommand != "detach"; }

  std::map<std::string, std::string> values;  // By long name.
  std::vector<std::string> positions;         // Without the subcommand.
  std::string subcommand;                     // Empty: none.
  bool program = false;                       // Behind --.
  std::string pending;                        // The long name of an option whose value comes next.
};

std::string candidate(const std::string& word, const std::string& description) {
  return word + "\t" + description;
}

const OptionName* optionOf(const std::string& word) {
  static const std::vector<OptionName> kNames = optionNames();
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const OptionName& name) {
    return word == "--" + name.longName ||
           (!name.shortName.empty() && word == "-" + name.shortName);
  });
  return found == kNames.end() ? nullptr : &*found;
}

Typed typedOf(const std::vector<std::string>& words, std::size_t count) {
  Typed typed;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& word = words[i];
    if (!typed.pending.empty()) {
      typed.values[std::exchange(typed.pending, "")] = word;
      continue;
    }
    if (word == "--") {
      typed.program = true;
      break;
    }
    if (!word.starts_with('-')) {
      const bool first = typed.positions.empty() && typed.subcommand.empty();
      if (first && isSubcommand(word)) {
        typed.subcommand = word;
      } else {
        typed.positions.push_back(word);
      }
      continue;
    }
    const std::size_t equals = word.find('=');
    const OptionName* option = optionOf(word.substr(0, equals));
    if (option == nullptr || !option->takesValue) continue;
    if (equals == std::string::npos) {
      typed.pending = option->longName;
    } else {
      typed.values[option->longName] = word.substr(equals + 1);
    }
  }
  return typed;
}

// Lines of `kubectl … --output=name`, without the kind in front.
std::vector<std::string> namesFrom(const Cluster& cluster,
                                   const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  try {
    const std::string output = cluster.call(arguments);
    std::string line;
    std::istringstream lines(output);
    while (std::getline(lines, line)) {
      line.erase(0, line.find('/') + 1);
      if (!line.empty()) names.push_back(printable(line, 253));
    }
  } catch (const ClusterError&) {
    names.clear();  // A shell that completes is no place for messages.
  }
  return names;
}

void addTargets(Completion& completion, Kind kind, const Cluster& cluster) {
  for (const auto& name : namesFrom(cluster, {"get", kindName(kind), "--output=name", kSoon})) {
    completion.candidates.push_back(Target{kind, name}.text());
  }
}

void completeTarget(Completion& completion, const Typed& typed, const std::string& word,
                    const Cluster& cluster) {
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos) {
    if (typed.subcommand.empty()) {
      for (const auto& [name, description] : kSubcommands) {
        completion.candidates.push_back(candidate(name, description));
      }
    }
    for (const Kind kind : {Kind::kPod, Kind::kDeployment, Kind::kStatefulSet, Kind::kService}) {
      if (kind != Kind::kPod && typed.onePod()) continue;
      addTargets(completion, kind, cluster);
    }
    return;
  }
  try {
    const Kind kind = parseTarget(word.substr(0, slash) + "/x").kind;
    const std::string start = word.substr(0, slash + 1);
    for (const auto& name : namesFrom(cluster, {"get", kindName(kind), "--output=name", kSoon})) {
      completion.candidates.push_back(start + name);
    }
  } catch (const std::invalid_argument&) {
    completion.candidates.clear();  // A kind that cannot be mirrored.
  }
}

void completePorts(Completion& completion, const Typed& typed, const Cluster& cluster) {
  std::set<std::string> used;
  for (std::size_t i = 1; i < typed.positions.size(); ++i) {
    used.insert(typed.positions[i].substr(0, typed.positions[i].find(':')));
  }
  try {
    const ChosenPods chosen = choosePods(cluster, parseTarget(typed.positions[0]));
    std::map<std::string, std::string> ports;  // With the name of their container.
    for (const auto& [port, target] : chosen.ports) {
      ports[std::to_string(port)] = "port " + std::to_string(target) + " of the pods";
    }
    for (const Pod& pod : chosen.pods) {
      if (!chosen.ports.empty()) break;
      for (const Pod::Container& container : pod.containers) {
        for (const std::uint16_t port : container.ports) {
          ports[std::to_string(port)] = container.name;
        }
      }
    }
    for (const auto& [port, what] : ports) {
      if (used.count(port) == 0) completion.candidates.push_back(candidate(port, what));
    }
  } catch (const std::runtime_error&) {
    completion.candidates.clear();
  } catch (const std::invalid_argument&) {
    completion.candidates.clear();
  }
}

void completeValue(Completion& completion, const std::string& option, const Cluster& cluster) {
  static const std::set<std::string> kFiles = {"kubeconfig", "token-file", "ca-file", "write"};
  static const std::map<std::string, std::vector<std::string>> kWords = {
      {"protocol", {"tcp", "udp"}},
      {"midstream", {"http", "raw"}},
      {"h2", {"requests", "raw"}},
      {"output", {"text", "json"}},
      {"method", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "safe"}},
      {"by", {"header:", "cookie:", "trace"}},
      {"redact", {"authorization", "cookie", "cookie:", "json:$."}}};
  if (option == "namespace") {
    completion.candidates = namesFrom(cluster, {"get", "namespaces", "--output=name", kSoon});
  } else if (option == "context") {
    completion.candidates = namesFrom(cluster, {"config", "get-contexts", "--output=name"});
  } else if (const auto words = kWords.find(option); words != kWords.end()) {
    completion.candidates = words->second;
  }
  completion.files = kFiles.count(option) != 0;
}

}  // namespace

std::string Completion::text() const {
  std::string text;
  for (const std::string& candidate : candidates) text += candidate + "\n";
  return text + ":" + std::to_string(files ? kWithFiles : kNoFiles) + "\n";
}

KubectlOptions kubectlOptionsIn(const std::vector<std::string>& words) {
  auto values = typedOf(words, words.empty() ? 0 : words.size() - 1).values;
  return {"", values["namespace"], values["context"], values["kubeconfig"]};
}

Completion complete(const std::vector<std::string>& words, const Cluster& cluster) {
  Completion completion;
  const std::string word = words.empty() ? "" : words.back();
  const Typed typed = typedOf(words, words.empty() ? 0 : words.size() - 1);
  if (typed.program) {
    completion.files = typed.subcommand == "exec";  // A program, or what it is told.
  } else if (!typed.pending.empty()) {
    completeValue(completion, typed.pending, cluster);
  } else if (word.starts_with('-')) {
    for (const OptionName& option : optionNames()) {
      completion.candidates.push_back(candidate("--" + option.longName, option.description));
    }
  } else if (typed.values.count("url") != 0) {
    return completion;
  } else if (typed.positions.empty()) {
    if (typed.subcommand != "list") completeTarget(completion, typed, word, cluster);
  } else if (typed.takesPorts() && word.find(':') == std::string::npos) {
    completePorts(completion, typed, cluster);
  }
  std::erase_if(completion.candidates,
                [&](const std::string& candidate) { return !candidate.starts_with(word); });
  return completion;
}

}  // namespace dormouse::client
