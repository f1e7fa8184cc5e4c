#include "control/control_options.h"

#include <boost/program_options/value_semantic.hpp>
#include <charconv>

#include "common/options.h"

namespace dormouse::control {

namespace po = boost::program_options;

po::options_description ControlOptions::describe() {
  po::options_description group("Control API");
  // clang-format off
  group.add_options()
      ("listen", po::value(&listen)->default_value(listen)->value_name("ADDRESS:PORT"),
       "where the control API listens; any address but loopback needs TLS or --insecure")
      ("tls-cert", po::value(&tlsCert)->value_name("FILE"),
       "certificate chain (PEM); re-read when it changes")
      ("tls-key", po::value(&tlsKey)->value_name("FILE"), "its private key (PEM)")
      ("insecure", po::bool_switch(&insecure),
       "listen on an address other than loopback without TLS")
      ("token-dir", po::value(&tokenDir)->value_name("DIR"),
       "each file is a caller: its name the caller's name, its content the token")
      ("token-sha256", po::value(&tokenSha256)->composing()->value_name("NAME=HEX"),
       "a caller and the SHA-256 of the token; may be repeated")
      ("metrics-listen", po::value(&metricsListen)->value_name("ADDRESS:PORT"),
       "serve /metrics here too, without a token");
  // clang-format on
  return group;
}

Endpoint parseListen(std::string_view text, std::string_view option) {
  const std::string name(option);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    throw OptionError("--" + name + " needs ADDRESS:PORT, not '" + std::string(text) + "'");
  }
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  // Without brackets the last group of an IPv6 address would pass for a port.
  if (!brackets && host.find(':') != std::string_view::npos) {
    throw OptionError("--" + name + ": an IPv6 address needs brackets, as in [::1]:4747");
  }
  const auto address = IpAddress::parse(host == "localhost" ? "127.0.0.1" : host);
  if (!address) {
    throw OptionError("--" + name + ": '" + std::string(host) + "' is not an IP address");
  }
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw OptionError("--" + name + ": '" + std::string(digits) + "' is not a port (0 to 65535)");
  }
  return {*address, port};
}

ResolvedControlOptions resolve(const ControlOptions& options) {
  ResolvedControlOptions result;
  result.listen = parseListen(options.listen, "listen");
  if (options.tlsCert.empty() != options.tlsKey.empty()) {
    throw OptionError("--tls-cert and --tls-key need each other");
  }
  result.tls = !options.tlsCert.empty();
  result.tlsCert = options.tlsCert;
  result.tlsKey = options.tlsKey;
  if (!result.listen.address.isLoopback() && !result.tls && !options.insecure) {
    throw OptionError("--listen " + options.listen +
                      " can be reached from outside the pod: it needs --tls-cert and --tls-key, or "
                      "--insecure to send tokens and traffic in the clear");
  }
  if (!options.metricsListen.empty()) {
    result.metricsListen = parseListen(options.metricsListen, "metrics-listen");
  }
  result.tokens.directory = options.tokenDir;
  for (const std::string& text : options.tokenSha256) {
    try {
      result.tokens.hashed.push_back(parseHashedToken(text));
    } catch (const std::invalid_argument& error) {
      throw OptionError(std::string("--token-sha256: ") + error.what());
    }
  }
  return result;
}

}  // namespace dormouse::control
