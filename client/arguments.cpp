#include "client/arguments.h"

#include <algorithm>
#include <array>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>
#include <charconv>
#include <fstream>
#include <optional>

#include "client/attach_wish.h"
#include "client/compare_options.h"
#include "client/exec_arguments.h"
#include "client/option_table.h"
#include "client/selection_options.h"
#include "client/token_secret.h"
#include "common/quote.h"

namespace dormouse::client {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostTokenBytes = 4096;

constexpr std::array<std::pair<const char*, Command>, 5> kSubcommands = {
    {{"pcap", Command::kPcap},
     {"exec", Command::kExec},
     {"attach", Command::kAttach},
     {"detach", Command::kDetach},
     {"list", Command::kList}}};

std::uint16_t portOf(std::string_view digits, std::string_view whole) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
    throw UsageError(inQuotes(whole) +
                     " is no port pair; wanted is REMOTE:LOCAL or PORT, "
                     "each from 1 to 65535");
  }
  return port;
}

PortPair pairOf(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::uint16_t remote = portOf(text.substr(0, colon), text);
  if (colon == std::string_view::npos) return {remote, remote};
  return {remote, portOf(text.substr(colon + 1), text)};
}

std::size_t sizeOf(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "KiB") shift = 10;
  if (unit == "MiB") shift = 20;
  if (unit == "GiB") shift = 30;
  if (error != std::errc() || shift < 0 || count == 0 || count > (64ULL << 30 >> shift)) {
    throw UsageError("--buffer: " + inQuotes(text) +
                     " is no size; wanted is one such as 64MiB, at most 64GiB");
  }
  return count << shift;
}

std::string checkedToken(std::string token, const std::string& from) {
  if (const std::string fault = faultOfToken(token); !fault.empty()) {
    throw UsageError("the token from " + from + " " + fault);
  }
  return token;
}

std::string tokenFromFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string token(kMostTokenBytes + 2, '\0');
  file.read(token.data(), static_cast<std::streamsize>(token.size()));
  if (file.bad() || !file.is_open()) throw UsageError("cannot read the token file " + path);
  token.resize(static_cast<std::size_t>(file.gcount()));
  if (token.ends_with('\n')) token.pop_back();
  return checkedToken(std::move(token), path);
}

std::optional<std::string> textOf(const po::variables_map& values, const char* name) {
  if (values.count(name) == 0) return std::nullopt;
  return values[name].as<std::string>();
}

std::string chooseToken(const po::variables_map& values, const char* environmentToken) {
  const auto token = textOf(values, "token");
  const auto file = textOf(values, "token-file");
  if (token && file) throw UsageError("--token and --token-file exclude each other");
  if (token) return checkedToken(*token, "--token");
  if (file) return tokenFromFile(*file);
  if (environmentToken != nullptr) return checkedToken(environmentToken, "DORMOUSE_TOKEN");
  if (values.count("url") == 0) return "";  // The Secret's.
  throw UsageError("no token: give --token-file, --token or DORMOUSE_TOKEN");
}

// The mirror's part of the specification is checked by the parser of the sidecar's own queries, so
// that both ends agree and a mistake is known before anything is sent.
wire::MirrorSpec specOf(const po::variables_map& values, const Arguments& arguments) {
  std::vector<std::pair<std::string, std::string>> query;
  query.reserve(arguments.pairs.size());
  for (const PortPair& pair : arguments.pairs) {
    query.emplace_back("port", std::to_string(pair.remote));
  }
  for (const char* name : {"protocol", "ttl", "midstream", "h2"}) {
    if (const auto value = textOf(values, name)) query.emplace_back(name, *value);
  }
  if (values.count("source") != 0) {
    for (const auto& source : values["source"].as<std::vector<std::string>>()) {
      query.emplace_back("source", source);
    }
  }
  if (arguments.compare) query.emplace_back("responses", "true");
  const auto selection = selectionQuery(values);
  if (arguments.command == Command::kPcap && !selection.empty()) {
    throw UsageError("--" + selection.front().first +
                     ": pcap writes packets, among which no requests are selected");
  }
  query.insert(query.end(), selection.begin(), selection.end());
  // Its ports come later.
  if (arguments.command == Command::kExec) query.emplace_back("port", "1");
  query.emplace_back("format", arguments.command == Command::kPcap ? "pcap" : "frames");
  try {
    return wire::parseStreamSpec(query);
  } catch (const wire::SpecError& error) {
    throw UsageError("--" + std::string(error.what()));
  }
}

po::variables_map parseOptions(const std::vector<std::string>& arguments) {
  po::options_description options = visibleOptions();
  options.add_options()("words", po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add("words", -1);
  namespace style = po::command_line_style;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(positions)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  return values;
}

void readPairs(Arguments& result, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const PortPair pair = pairOf(word);
    if (result.command == Command::kPcap && word.find(':') != std::string::npos) {
      throw UsageError("pcap has no local port: give " + std::to_string(pair.remote) + " alone");
    }
    for (const PortPair& other : result.pairs) {
      if (other.remote == pair.remote) {
        throw UsageError("port " + std::to_string(pair.remote) + " is given twice");
      }
    }
    result.pairs.push_back(pair);
  }
  if (result.pairs.empty() && result.command != Command::kAttach)
    throw UsageError("no port: give at least one, such as 8080:3000");
}

// Where a target stands, with what belongs to it.
constexpr std::array<const char*, 8> kClusterOnly = {
    "namespace", "context", "kubeconfig", "max-pods", "secret", "as", "container", "control-port"};

std::string nameOf(const po::variables_map& values, const char* option) {
  const auto name = textOf(values, option);
  if (name && !isObjectName(*name)) {
    throw UsageError(std::string("--") + option + ": " + inQuotes(*name) + " is no name");
  }
  return name.value_or("");
}

std::uint64_t numberOf(const po::variables_map& values, const char* option, std::uint64_t otherwise,
                       std::uint64_t most) {
  const auto text = textOf(values, option);
  if (!text) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number == 0 || number > most) {
    throw UsageError(std::string("--") + option + ": wanted is a number from 1 to " +
                     std::to_string(most));
  }
  return number;
}

void takeTarget(Arguments& result, std::vector<std::string>& words) {
  // A port, or a pair of them, is no target: the developer forgot it.
  if (words.empty() || words.front().find_first_not_of("0123456789:") == std::string::npos) {
    throw UsageError("no target: name a pod or a workload, such as pod/web-0 or deploy/web");
  }
  try {
    result.target = parseTarget(words.front());
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  words.erase(words.begin());
}

void readCluster(Arguments& result, const po::variables_map& values) {
  result.kubectl.nameSpace = nameOf(values, "namespace");
  result.kubectl.context = textOf(values, "context").value_or("");
  result.kubectl.kubeconfig = textOf(values, "kubeconfig").value_or("");
  if (const std::string secret = nameOf(values, "secret"); !secret.empty()) result.secret = secret;
  result.as = textOf(values, "as").value_or("");
  result.agent.container = nameOf(values, "container");
  result.agent.controlPort = static_cast<std::uint16_t>(numberOf(values, "control-port", 0, 65535));
  result.maxPods = numberOf(values, "max-pods", result.maxPods, 1000);
  for (const char* name : {"ca-file", "insecure-skip-tls-verify"}) {
    if (!values[name].defaulted() && values.count(name) != 0) {
      throw UsageError(std::string("--") + name + " belongs to --url");
    }
  }
}

void readComparison(Arguments& result, const po::variables_map& values) {
  try {
    result.compare = compareRulesOf(values);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (result.compare && result.command != Command::kMirror) {
    throw UsageError("--compare goes with none of pcap, exec, attach, detach, list");
  }
}

// What attach and detach take is one pod.
void demandPod(const Arguments& result, const char* command) {
  if (result.target.kind == Kind::kPod) return;
  throw UsageError(std::string(command) + " takes one pod, such as pod/web-0, not " +
                   result.target.text());
}

void readAttach(Arguments& result, const po::variables_map& values) {
  try {
    if (result.command != Command::kAttach) return refuseAttachOptions(values);
    result.attach = attachWishOf(values, !result.pairs.empty());
    result.attach.container = std::exchange(result.agent.container, "");
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

Command takeCommand(std::vector<std::string>& words) {
  for (const auto& [word, command] : kSubcommands) {
    if (words.empty() || words.front() != word) continue;
    words.erase(words.begin());
    return command;
  }
  return Command::kMirror;
}

// Where the sidecar is; the target is taken off the words.
void readPlace(Arguments& result, const po::variables_map& values,
               std::vector<std::string>& words) {
  const Command command = result.command;
  if (values.count("url") == 0) {
    if (command != Command::kList) takeTarget(result, words);
    return readCluster(result, values);
  }
  if (command == Command::kAttach || command == Command::kDetach || command == Command::kList) {
    throw UsageError("--url leads to one sidecar: attach, detach and list concern a cluster");
  }
  result.url = values["url"].as<std::string>();
  for (const char* name : kClusterOnly) {
    if (values.count(name) != 0) throw UsageError(std::string("--url excludes --") + name);
  }
}

// The words behind the target.
void readRest(Arguments& result, const po::variables_map& values,
              const std::vector<std::string>& words) {
  switch (result.command) {
    case Command::kExec:
      return readExec(result, values, words);
    case Command::kDetach:
      demandPod(result, "detach");
      [[fallthrough]];
    case Command::kList:
      if (!words.empty()) throw UsageError("not understood: " + inQuotes(words.front()));
      return;
    case Command::kAttach:
      demandPod(result, "attach");
      return readPairs(result, words);
    default:
      return readPairs(result, words);
  }
}

}  // namespace

Arguments parseArguments(const std::vector<std::string>& arguments, const char* environmentToken) {
  std::vector<std::string> own = arguments;
  std::vector<std::string> behind = takeBehindDashes(own);
  const po::variables_map values = parseOptions(own);
  Arguments result;
  if (values.count("help") != 0 || values.count("version") != 0) {
    result.command = values.count("help") != 0 ? Command::kHelp : Command::kVersion;
    return result;
  }
  std::vector<std::string> words;
  if (values.count("words") != 0) words = values["words"].as<std::vector<std::string>>();
  result.command = takeCommand(words);
  if (result.command == Command::kExec) {
    result.exec.command = std::move(behind);
  } else {
    words.insert(words.end(), behind.begin(), behind.end());
    if (values.count("map") != 0) throw UsageError("--map belongs to exec");
  }
  readPlace(result, values, words);
  readRest(result, values, words);
  readAttach(result, values);
  readComparison(result, values);
  if (!result.pairs.empty() || result.command == Command::kExec) {
    result.spec = specOf(values, result);
  }
  result.toHost = textOf(values, "to-host").value_or(result.toHost);
  if (const auto size = textOf(values, "buffer")) result.bufferBytes = sizeOf(*size);
  result.quiet = values["quiet"].as<bool>();
  const std::string output = textOf(values, "output").value_or("text");
  if (output != "text" && output != "json") throw UsageError("--output: text or json is wanted");
  result.json = output == "json";
  result.writeFile = textOf(values, "write").value_or("");
  if (!result.writeFile.empty() && result.command != Command::kPcap) {
    throw UsageError("--write belongs to pcap");
  }
  result.caFile = textOf(values, "ca-file").value_or("");
  result.insecureSkipTlsVerify = values["insecure-skip-tls-verify"].as<bool>();
  if (result.command != Command::kAttach) result.token = chooseToken(values, environmentToken);
  return result;
}

std::string versionText() {
  return DORMOUSE_VERSION;
}

}  // namespace dormouse::client
