#include "client/arguments.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "client/compare_options.h"
#include "client/selection_options.h"
#include "client/token_secret.h"
#include "common/quote.h"

namespace dormouse::client {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostTokenBytes = 4096;

po::options_description visibleOptions() {
  po::options_description cluster("The cluster, as kubectl knows it");
  cluster.add_options()  //
      ("namespace,n", po::value<std::string>()->value_name("NAME"),
       "the pod's namespace, instead of the context's")  //
      ("context", po::value<std::string>()->value_name("NAME"),
       "a context of the kubeconfig, instead of the current one")                         //
      ("kubeconfig", po::value<std::string>()->value_name("FILE"), "another kubeconfig")  //
      ("max-pods", po::value<std::string>()->value_name("10"),
       "of a workload, how many pods to mirror at the same time");
  po::options_description connection("The sidecar");
  connection.add_options()  //
      ("token", po::value<std::string>()->value_name("TOKEN"),
       "the token; other users of this machine can see it, --token-file is better")  //
      ("token-file", po::value<std::string>()->value_name("FILE"),
       "read the token from this file; without both, DORMOUSE_TOKEN is taken, and without that the "
       "namespace's Secret")                                                              //
      ("secret", po::value<std::string>()->value_name("dormouse"), "that Secret's name")  //
      ("as", po::value<std::string>()->value_name("NAME"),
       "whose token of the Secret; the only one, or developer's, unless given")  //
      ("container", po::value<std::string>()->value_name("dormouse"),
       "the sidecar's container, where it was put into the pod by hand")  //
      ("control-port", po::value<std::string>()->value_name("4747"),
       "the port of the control API, instead of what the pod's annotation says")  //
      ("url", po::value<std::string>()->value_name("URL"),
       "no cluster: the control API is here, such as http://127.0.0.1:4747")  //
      ("ca-file", po::value<std::string>()->value_name("FILE"),
       "PEM certificates to verify an https:// URL by, instead of the system's")  //
      ("insecure-skip-tls-verify", po::bool_switch(), "accept any certificate");
  po::options_description mirror("What to mirror");
  mirror.add_options()                                                                   //
      ("protocol", po::value<std::string>()->value_name("tcp|udp"), "tcp unless given")  //
      ("source", po::value<std::vector<std::string>>()->composing()->value_name("CIDR"),
       "only traffic from this network; may be given several times")  //
      ("ttl", po::value<std::string>()->value_name("30m"),
       "end after this time; the sidecar's default unless given")  //
      ("midstream", po::value<std::string>()->value_name("http|raw"),
       "connections that are open already: from their next HTTP request (http) or byte (raw)");
  po::options_description local("The local end");
  local.add_options()                                                                      //
      ("to-host", po::value<std::string>()->value_name("HOST"), "127.0.0.1 unless given")  //
      ("buffer", po::value<std::string>()->value_name("64MiB"),
       "what all local connections together may hold back for a slow or paused program")  //
      ("map", po::value<std::vector<std::string>>()->composing()->value_name("LOCAL:REMOTE"),
       "exec: a port of the program and the pod's; several times; REMOTE none: not to be mirrored; "
       "LOCAL 0: what the kernel chooses")  //
      ("write", po::value<std::string>()->value_name("FILE"),
       "pcap: write to this file instead of standard output")  //
      ("quiet,q", po::bool_switch(), "print the end only")     //
      ("output", po::value<std::string>()->value_name("text|json"),
       "json: one JSON object per line on standard output");
  po::options_description general("General");
  general.add_options()("help,h", "print this")("version", "print the version");
  po::options_description all;
  all.add(cluster).add(connection).add(mirror).add(selectionOptions()).add(local);
  all.add(compareOptions()).add(general);
  return all;
}

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
  for (const char* name : {"protocol", "ttl", "midstream"}) {
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
  if (result.pairs.empty()) throw UsageError("no port: give at least one, such as 8080:3000");
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

void readTarget(Arguments& result, const po::variables_map& values,
                std::vector<std::string>& words) {
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
    throw UsageError("--compare goes neither with pcap nor with exec");
  }
}

void readExec(Arguments& result, const po::variables_map& values,
              const std::vector<std::string>& words) {
  if (!words.empty()) {
    throw UsageError("not understood: " + inQuotes(words.front()) +
                     "; the program stands behind --, its ports are seen when it opens them");
  }
  if (result.exec.command.empty()) {
    throw UsageError("no program: give it behind --, such as -- ./server --verbose");
  }
  if (values.count("to-host") != 0) throw UsageError("--to-host: exec knows where its program is");
  if (const auto protocol = textOf(values, "protocol")) {
    result.exec.tcp = *protocol == "tcp";
    result.exec.udp = *protocol == "udp";
  }
  if (values.count("map") == 0) return;
  for (const auto& pair : values["map"].as<std::vector<std::string>>()) {
    try {
      result.exec.map.add(pair);
    } catch (const std::invalid_argument& error) {
      throw UsageError(std::string("--map: ") + error.what());
    }
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
  if (!words.empty() && words.front() == "pcap") {
    result.command = Command::kPcap;
    words.erase(words.begin());
  }
  if (!words.empty() && words.front() == "exec") {
    result.command = Command::kExec;
    result.exec.command = std::move(behind);
    words.erase(words.begin());
  } else {
    words.insert(words.end(), behind.begin(), behind.end());
    if (values.count("map") != 0) throw UsageError("--map belongs to exec");
  }
  if (values.count("url") == 0) {
    readTarget(result, values, words);
  } else {
    result.url = values["url"].as<std::string>();
    for (const char* name : kClusterOnly) {
      if (values.count(name) != 0) throw UsageError(std::string("--url excludes --") + name);
    }
  }
  if (result.command == Command::kExec) {
    readExec(result, values, words);
  } else {
    readPairs(result, words);
  }
  readComparison(result, values);
  result.spec = specOf(values, result);
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
  result.token = chooseToken(values, environmentToken);
  return result;
}

std::vector<OptionName> optionNames() {
  std::vector<OptionName> names;
  const po::options_description all = visibleOptions();
  for (const auto& option : all.options()) {
    const std::string shortForm =
        option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    names.push_back({option->long_name(), shortForm.size() == 2 ? shortForm.substr(1) : "",
                     option->semantic()->max_tokens() > 0, option->description()});
  }
  return names;
}

std::string versionText() {
  return DORMOUSE_VERSION;
}

std::string helpText() {
  std::ostringstream text;
  text
      << "Copies a pod's incoming traffic onto local ports, while the pod's own server goes on\n"
         "serving it.\n\n"
         "  kubectl mirror TARGET REMOTE:LOCAL [REMOTE:LOCAL ...] [options]\n"
         "  kubectl mirror pcap TARGET PORT [PORT ...] [options]\n"
         "  kubectl mirror exec TARGET [--map LOCAL:REMOTE ...] [options] -- PROGRAM [WORD ...]\n"
         "  kubectl mirror --url URL REMOTE:LOCAL [REMOTE:LOCAL ...] [options]\n\n"
         "TARGET is pod/NAME, or deploy/NAME, sts/NAME, ds/NAME, rs/NAME, job/NAME, svc/NAME: all\n"
         "pods of it, also those that come later. 8080:3000 copies every connection to the pod's\n"
         "port 8080 to 127.0.0.1:3000; 8080 alone means 8080:8080. pcap writes one pod's packets,\n"
         "both directions, for wireshark -k -i -.\n"
         "exec starts your program and copies, to each port that it listens on, what the pod gets "
         "on\n"
         "the same port, or on the one that --map says. Our own lines go to standard error.\n"
         "kubectl is run without a terminal: if your cluster asks for a log-in on it, log in "
         "first,\n"
         "for example by kubectl get pods.\n"
         "Ctrl-C ends the mirror and prints what became of everything that was seen; a second\n"
         "Ctrl-C exits at once.\n"
      << visibleOptions()
      << "\nExit codes:\n"
         "  0  everything seen was delivered (connections without payload and retransmitted\n"
         "     packets aside, and what the mirror was told to leave out)\n"
         "  1  some of it was not; the ledger says how much and why\n"
         "  2  the command line is wrong\n"
         "  3  the pod or its sidecar cannot be reached, or it refused\n"
         "  4  a stream broke off without a ledger\n"
         "  5  with --compare: not 4, and the responses to some requests differ; 1 also if some\n"
         "     could not be compared\n"
         "A second Ctrl-C kills the client: 130 for the shell. exec ends as its program did, and "
         "with\n127 or 126 if there is no such program or it cannot be run.\n";
  return text.str();
}

}  // namespace dormouse::client
