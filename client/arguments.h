// The command line of kubectl-mirror.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/attach_wish.h"
#include "client/exec_wish.h"
#include "client/kubectl.h"
#include "client/pod.h"
#include "client/response_compare.h"
#include "client/target.h"
#include "wire/mirror_spec.h"

namespace dormouse::client {

enum class Command : std::uint8_t {
  kMirror,
  kPcap,
  kExec,
  kAttach,
  kDetach,
  kList,
  kHelp,
  kVersion,
};

/// A mirrored port of the pod and the local port that receives its traffic.
struct PortPair {
  std::uint16_t remote = 0;
  std::uint16_t local = 0;
};

struct Arguments {
  Command command = Command::kMirror;
  std::string url;    // http:// or https://, of the control API; empty if target counts.
  Target target;      // Only without a URL.
  std::string token;  // Printable ASCII. Empty only without a URL: the Secret's is taken.
  std::string secret = "dormouse";  // The Secret with the tokens,
  std::string as;                   // and the principal; empty: the only one, or developer.
  AgentWish agent;
  AttachWish attach;
  std::size_t maxPods = 10;          // Of a workload, mirrored at the same time.
  KubectlOptions kubectl;            // Its program is not the command line's to set.
  std::vector<PortPair> pairs;       // Each remote port once. Attach: perhaps none; exec: none.
  ExecWish exec;                     // Only kExec's.
  wire::MirrorSpec spec;             // What to ask the sidecar for.
  std::string toHost = "127.0.0.1";  // Where the local ports are.
  std::size_t bufferBytes = 64ULL << 20;  // For all local connections together.
  std::optional<CompareRules> compare;    // The local program's responses with the pod's.
  bool quiet = false;                     // Only the end is printed.
  bool json = false;                      // NDJSON instead of text.
  std::string writeFile;                  // pcap: empty for standard output.
  std::string caFile;                     // PEM; empty for the system's authorities.
  bool insecureSkipTlsVerify = false;
};

/// The command line is wrong. what() is one sentence.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `arguments` without the program's name; `environmentToken` is DORMOUSE_TOKEN, null if unset.
/// Reads the token file. Throws UsageError.
Arguments parseArguments(const std::vector<std::string>& arguments, const char* environmentToken);

/// What --version prints behind the program's name.
std::string versionText();

}  // namespace dormouse::client
