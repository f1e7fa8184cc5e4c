// The injector's command line.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "common/ip.h"
#include "common/log.h"
#include "common/options.h"
#include "injector/injection_settings.h"
#include "injector/kube/rest_client.h"
#include "injector/native_sidecars.h"
#include "injector/token_secrets.h"

namespace dormouse::injector {

/// Who keeps the certificate that is served.
enum class CertificateMode : std::uint8_t {
  kSelf,   // The injector: a CA in a Secret, leaves in memory, caBundles.
  kFiles,  // Somebody else: two files, read again when they change.
};

/// Everything that is fixed at the start.
struct CommandLine {
  Endpoint listen;        // Reviews, over TLS.
  Endpoint healthListen;  // Health and metrics, in plain.
  int maxConnections = 512;
  Nanos shutdownDelay{0};
  LogLevel logLevel = LogLevel::kInfo;

  InjectionSettings injection;
  SelectionSettings selection;
  NativeChoice native = NativeChoice::kAuto;

  CertificateMode certificateMode = CertificateMode::kSelf;
  std::string certificateFile;
  std::string keyFile;
  std::string caSecret;
  std::string webhookConfiguration;
  std::vector<std::string> serverNames;

  std::vector<SecretName> tokenSecrets;
  RestClientOptions kube;  // An empty url: no API server.
  bool missedPods = false;
};

/// Fills `line` from flags, environment and file. Returns the exit code if the program is to end at
/// once (see Options::parse).
std::optional<int> parseCommandLine(const std::vector<std::string>& arguments,
                                    const Options::Environment& environment, std::ostream& out,
                                    std::ostream& err, CommandLine& line);

}  // namespace dormouse::injector
