#include "client/arguments.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/quote.h"

namespace dormouse::client {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostTokenBytes = 4096;

po::options_description visibleOptions() {
  po::options_description connection("The sidecar");
  connection.add_options()  //
      ("url", po::value<std::string>()->value_name("URL"),
       "its control API, such as http://127.0.0.1:4747")  //
      ("token", po::value<std::string>()->value_name("TOKEN"),
       "the token; other users of this machine can see it, --token-file is better")  //
      ("token-file", po::value<std::string>()->value_name("FILE"),
       "read the token from this file; without both, DORMOUSE_TOKEN is taken")  //
      ("ca-file", po::value<std::string>()->value_name("FILE"),
       "PEM certificates to verify an https:// sidecar by, instead of the system's")  //
      ("insecure-skip-tls-verify", po::bool_switch(), "accept any certificate");
  po::options_description mirror("What to mirror");
  mirror.add_options()                                                                   //
      ("protocol", po::value<std::string>()->value_name("tcp|udp"), "tcp unless given")  //
      ("source", po::value<std::vector<std::string>>()->composing()->value_name("CIDR"),
       "only traffic from this network; may be given several times")  //
      ("ttl", po::value<std::string>()->value_name("30m"),
       "end after this time; the sidecar's default unless given")  //
      ("midstream", po::value<std::string>()->value_name("http|raw"),
       "connections that are open already: skipped (http), or from their next byte (raw)");
  po::options_description local("The local end");
  local.add_options()                                                                      //
      ("to-host", po::value<std::string>()->value_name("HOST"), "127.0.0.1 unless given")  //
      ("buffer", po::value<std::string>()->value_name("64MiB"),
       "what all local connections together may hold back for a slow or paused program")  //
      ("write", po::value<std::string>()->value_name("FILE"),
       "pcap: write to this file instead of standard output")  //
      ("quiet,q", po::bool_switch(), "print the end only")     //
      ("output", po::value<std::string>()->value_name("text|json"),
       "json: one JSON object per line on standard output");
  po::options_description general("General");
  general.add_options()("help,h", "print this")("version", "print the version");
  po::options_description all;
  all.add(connection).add(mirror).add(local).add(general);
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
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (token.empty()) throw UsageError("the token from " + from + " is empty");
  if (!printable || token.size() > kMostTokenBytes) {
    throw UsageError("the token from " + from +
                     " is not a token: only printable ASCII without spaces is, up to 4096 bytes");
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

}  // namespace

Arguments parseArguments(const std::vector<std::string>& arguments, const char* environmentToken) {
  const po::variables_map values = parseOptions(arguments);
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
  if (values.count("url") == 0) {
    throw UsageError(
        "this version finds no pods by itself: forward the sidecar's port (kubectl port-forward "
        "POD 4747) and give --url http://127.0.0.1:4747");
  }
  result.url = values["url"].as<std::string>();
  readPairs(result, words);
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

std::string versionText() {
  return DORMOUSE_VERSION;
}

std::string helpText() {
  std::ostringstream text;
  text << "Copies a pod's incoming traffic onto local ports, while the pod's own server goes on\n"
          "serving it.\n\n"
          "  kubectl mirror --url URL [options] REMOTE:LOCAL [REMOTE:LOCAL ...]\n"
          "  kubectl mirror pcap --url URL [options] PORT [PORT ...]\n\n"
          "8080:3000 copies every connection to the pod's port 8080 to 127.0.0.1:3000; 8080 alone\n"
          "means 8080:8080. pcap writes the packets, both directions, for wireshark -k -i -.\n"
          "Ctrl-C ends the mirror and prints what became of everything that was seen; a second\n"
          "Ctrl-C exits at once.\n"
       << visibleOptions()
       << "\nExit codes:\n"
          "  0  everything seen was delivered (connections without payload and retransmitted\n"
          "     packets aside, and what the mirror was told to leave out)\n"
          "  1  some of it was not; the ledger says how much and why\n"
          "  2  the command line is wrong\n"
          "  3  the sidecar cannot be reached, or it refused\n"
          "  4  the stream broke off without a ledger\n"
          "A second Ctrl-C kills the program: 130 for the shell.\n";
  return text.str();
}

}  // namespace dormouse::client
