// What can be set about the control API.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ip.h"
#include "common/tokens.h"

namespace dormouse::control {

/// As given; checked and parsed by resolve().
struct ControlOptions {
  std::string listen = "127.0.0.1:4747";  // Loopback: kubectl port-forward reaches it, others not.
  std::string tlsCert;                    // PEM files, both or none.
  std::string tlsKey;
  bool insecure = false;                 // Allows an address other than loopback without TLS.
  std::string metricsListen;             // Empty: metrics at the control port alone.
  std::string tokenDir;                  // See TokenOptions.
  std::vector<std::string> tokenSha256;  // NAME=HEX each.

  /// The flags, bound to the members.
  boost::program_options::options_description describe();
};

struct ResolvedControlOptions {
  Endpoint listen;
  bool tls = false;
  std::string tlsCert;
  std::string tlsKey;
  std::optional<Endpoint> metricsListen;
  TokenOptions tokens;
};

/// Throws OptionError with a sentence.
ResolvedControlOptions resolve(const ControlOptions& options);

/// "127.0.0.1:4747", "[::1]:4747", "localhost:4747" (127.0.0.1). Port 0 is left to the kernel.
/// Throws OptionError naming `option`.
Endpoint parseListen(std::string_view text, std::string_view option);

}  // namespace dormouse::control
