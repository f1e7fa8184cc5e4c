#include "injector/options.h"

#include <boost/program_options/options_description.hpp>
#include <fstream>
#include <ostream>
#include <stdexcept>

#include "injector/option_values.h"

namespace dormouse::injector {
namespace {

namespace po = boost::program_options;

constexpr const char* kNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

// What is given as text and checked afterwards.
struct Texts {
  std::string listen = "[::]:10250";
  std::string healthListen = "[::]:8080";
  std::string logLevel = "info";
  std::string native = "auto";
  std::string inject = "labelled";
  std::string certificateMode = "self";
  std::string service = "dormouse-injector";
  int controlPort = 4747;
  Duration shutdownDelay{std::chrono::seconds(10)};
  std::vector<int> allowPorts;
  std::vector<std::string> excludedNamespaces;
  std::vector<std::string> tokenSecrets;
};

template <typename T>
po::typed_value<T>* withDefault(T& value, const char* name) {
  return po::value(&value)->default_value(value)->value_name(name);
}

template <typename T>
po::typed_value<T>* optional(T& value, const char* name) {
  return po::value(&value)->value_name(name);
}

po::options_description servingOptions(CommandLine& line, Texts& texts) {
  po::options_description group("Serving");
  // clang-format off
  group.add_options()
      ("listen", withDefault(texts.listen, "ADDRESS:PORT"), "reviews, over TLS")
      ("health-listen", withDefault(texts.healthListen, "ADDRESS:PORT"),
       "/healthz, /readyz and /metrics, in plain")
      ("max-connections", withDefault(line.maxConnections, "N"),
       "one more ends the least useful one")
      ("shutdown-delay", withDefault(texts.shutdownDelay, "DURATION"),
       "after SIGTERM: not ready, but serving, for so long")
      ("log-level", withDefault(texts.logLevel, "LEVEL"), "debug, info, warn or error");
  // clang-format on
  return group;
}

po::options_description sidecarOptions(CommandLine& line, Texts& texts) {
  InjectionSettings& injection = line.injection;
  ResourceSettings& resources = injection.resources;
  po::options_description group("The sidecar");
  // clang-format off
  group.add_options()
      ("sidecar-image", optional(injection.image, "IMAGE"), "required")
      ("sidecar-image-pull-policy", optional(injection.imagePullPolicy, "POLICY"),
       "Always, IfNotPresent or Never; not written if absent")
      ("sidecar-pull-secret", optional(injection.pullSecrets, "NAME"),
       "added to the pod's imagePullSecrets; may be repeated")
      ("native-sidecar", withDefault(texts.native, "WHEN"),
       "auto (by the API server's version), always or never")
      ("control-port", withDefault(texts.controlPort, "PORT"),
       "the next free one if the pod declares it")
      ("cpu-request", withDefault(resources.cpuRequest, "QUANTITY"), "")
      ("cpu-limit", withDefault(resources.cpuLimit, "QUANTITY"), "")
      ("guaranteed-cpu", withDefault(resources.guaranteedCpu, "QUANTITY"),
       "request and limit in a Guaranteed pod")
      ("memory-request", withDefault(resources.memoryRequest, "QUANTITY"), "")
      ("memory-limit", withDefault(resources.memoryLimit, "QUANTITY"), "")
      ("max-cpu-limit", withDefault(resources.maxCpuLimit, "QUANTITY"),
       "the most an annotation may ask for")
      ("max-memory-limit", withDefault(resources.maxMemoryLimit, "QUANTITY"),
       "the most an annotation may ask for")
      ("token-secret-name", withDefault(injection.tokenSecret, "NAME"),
       "the Secret that is mounted, if the pod's namespace has it")
      ("allow-port", optional(texts.allowPorts, "PORT"),
       "the only ports that may be mirrored; may be repeated; absent: all")
      ("allow-to", optional(injection.ceilings.allowTo, "CIDR"),
       "where push may go; may be repeated; absent: push is off")
      ("max-percent", withDefault(injection.ceilings.maxPercent, "N"), "the largest sample")
      ("redact-header", optional(injection.ceilings.redactHeaders, "NAME"),
       "redacted in every mirror; may be repeated")
      ("sidecar-arg", optional(injection.sidecarArgs, "ARG"),
       "a further flag of the sidecar, as it is; may be repeated");
  // clang-format on
  return group;
}

po::options_description selectionOptions(CommandLine& line, Texts& texts) {
  po::options_description group("Selection");
  // clang-format off
  group.add_options()
      ("inject", withDefault(texts.inject, "WHICH"),
       "labelled: pods that say dormouse.dev/inject=true; all: those that do not say false")
      ("namespace", optional(line.selection.ownNamespace, "NAME"),
       "the injector's own: never injected; absent: the ServiceAccount's")
      ("exclude-namespace", optional(texts.excludedNamespaces, "NAME"),
       "never injected, like kube-*; may be repeated");
  // clang-format on
  return group;
}

po::options_description certificateOptions(CommandLine& line, Texts& texts) {
  po::options_description group("Certificates");
  line.caSecret = "dormouse-injector-ca";
  line.webhookConfiguration = "dormouse-injector";
  // clang-format off
  group.add_options()
      ("cert-mode", withDefault(texts.certificateMode, "MODE"),
       "self: keeps a CA in a Secret; files: reads --cert-file and --key-file")
      ("cert-file", optional(line.certificateFile, "FILE"), "PEM, with its chain; read again on change")
      ("key-file", optional(line.keyFile, "FILE"), "PEM")
      ("ca-secret", withDefault(line.caSecret, "NAME"), "must exist in --namespace; empty, it is filled")
      ("webhook-config", withDefault(line.webhookConfiguration, "NAME"),
       "the MutatingWebhookConfiguration whose caBundles are kept")
      ("service", withDefault(texts.service, "NAME"), "what API servers call; the certificate's name");
  // clang-format on
  return group;
}

po::options_description clusterOptions(CommandLine& line, Texts& texts) {
  po::options_description group("Kubernetes");
  // clang-format off
  group.add_options()
      ("token-secret", optional(texts.tokenSecrets, "NAMESPACE/NAME"),
       "an empty one is filled with a token; may be repeated")
      ("missed-pods", po::bool_switch(&line.missedPods),
       "count opted-in pods that run without the agent")
      ("kube-url", optional(line.kube.url, "URL"), "absent: the cluster the injector runs in")
      ("kube-ca-file", optional(line.kube.caFile, "FILE"), "absent: the ServiceAccount's")
      ("kube-token-file", optional(line.kube.tokenFile, "FILE"), "absent: the ServiceAccount's");
  // clang-format on
  return group;
}

std::string serviceAccountNamespace() {
  std::ifstream file(kNamespaceFile);
  std::string name;
  std::getline(file, name);
  return name;
}

void finishSidecar(CommandLine& line, const Texts& texts) {
  InjectionSettings& injection = line.injection;
  if (injection.image.empty() || injection.image.find(' ') != std::string::npos) {
    throw OptionError("--sidecar-image must name an image");
  }
  if (!injection.imagePullPolicy.empty()) {
    parseChoice("sidecar-image-pull-policy", injection.imagePullPolicy,
                "Always|IfNotPresent|Never");
  }
  line.native =
      static_cast<NativeChoice>(parseChoice("native-sidecar", texts.native, "auto|always|never"));
  injection.controlPort = parsePortOption("control-port", texts.controlPort);
  for (const int port : texts.allowPorts) {
    injection.ceilings.allowPorts.insert(parsePortOption("allow-port", port));
  }
  checkResources(injection.resources);
  checkCeilings(injection.ceilings);
}

void finishCertificates(CommandLine& line, const Texts& texts) {
  line.certificateMode =
      static_cast<CertificateMode>(parseChoice("cert-mode", texts.certificateMode, "self|files"));
  if (line.certificateMode == CertificateMode::kFiles) {
    if (line.certificateFile.empty() || line.keyFile.empty()) {
      throw OptionError("--cert-mode files needs --cert-file and --key-file");
    }
    return;
  }
  if (line.kube.url.empty()) {
    throw OptionError(
        "--cert-mode self needs a Kubernetes API: run in a cluster or give --kube-url");
  }
  const std::string& space = line.selection.ownNamespace;
  if (space.empty()) throw OptionError("--cert-mode self needs --namespace");
  const std::string name = texts.service + "." + space + ".svc";
  line.serverNames = {name, name + ".cluster.local"};
}

void finish(CommandLine& line, const Texts& texts) {
  line.listen = parseListen("listen", texts.listen);
  line.healthListen = parseListen("health-listen", texts.healthListen);
  if (line.maxConnections < 2 || line.maxConnections > 4096) {
    throw OptionError("--max-connections must be from 2 to 4096");
  }
  line.shutdownDelay = texts.shutdownDelay.value;
  const auto level = parseLogLevel(texts.logLevel);
  if (!level) throw OptionError("--log-level must be debug, info, warn or error");
  line.logLevel = *level;

  finishSidecar(line, texts);
  line.selection.allPods = parseChoice("inject", texts.inject, "labelled|all") == 1;
  if (line.selection.ownNamespace.empty()) line.selection.ownNamespace = serviceAccountNamespace();
  line.selection.excludedNamespaces.insert(texts.excludedNamespaces.begin(),
                                           texts.excludedNamespaces.end());
  const RestClientOptions inCluster = RestClient::inCluster();
  if (line.kube.url.empty()) {
    line.kube.url = inCluster.url;
    if (line.kube.caFile.empty()) line.kube.caFile = inCluster.caFile;
    if (line.kube.tokenFile.empty()) line.kube.tokenFile = inCluster.tokenFile;
  }
  finishCertificates(line, texts);
  try {
    for (const std::string& text : texts.tokenSecrets) {
      line.tokenSecrets.push_back(parseSecretName(text));
    }
  } catch (const std::invalid_argument& error) {
    throw OptionError(std::string("--token-secret: ") + error.what());
  }
  if (line.kube.url.empty() && (line.missedPods || !line.tokenSecrets.empty())) {
    throw OptionError("--token-secret and --missed-pods need a Kubernetes API");
  }
}

}  // namespace

std::optional<int> parseCommandLine(const std::vector<std::string>& arguments,
                                    const Options::Environment& environment, std::ostream& out,
                                    std::ostream& err, CommandLine& line) {
  Options options("dormouse-injector",
                  "Answers admission reviews: brings the sleeping Dormouse sidecar into pods.\n"
                  "'dormouse-injector self-test --help' describes the other thing it does.",
                  "DORMOUSE_INJECTOR");
  Texts texts;
  options.add(servingOptions(line, texts));
  options.add(sidecarOptions(line, texts));
  options.add(selectionOptions(line, texts));
  options.add(certificateOptions(line, texts));
  options.add(clusterOptions(line, texts));
  return options.parse(arguments, environment, out, err, [&] { finish(line, texts); });
}

}  // namespace dormouse::injector
