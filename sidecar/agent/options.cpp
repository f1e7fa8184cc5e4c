#include "agent/options.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <ostream>

#include "common/cgroup.h"
#include "common/units.h"
#include "enter/entry_options.h"
#include "wire/redaction.h"

namespace dormouse::agent {
namespace {

namespace po = boost::program_options;

/// As given; resolve() checks and converts.
struct Given {
  control::ControlOptions control;
  enter::EntryOptions enter;
  std::string device;
  ByteSize ring, ringTotal, budget, heldPerConnection, heldTotal, memoryBudget;
  Duration exitWhenIdle{Nanos{0}};
  Duration batch, defaultTtl, maxTtl, linger, keepEnded, writeInterval, gapTimeout, idleTimeout,
      udpIdle;
  std::uint32_t snaplen = 0;
  std::size_t maxMirrors = 0, maxPushConnections = 0, maxConnections = 0;
  double maxPercent = 0;
  ByteSize redactBody;
  std::vector<std::string> allowPorts, allowTo, redactHeaders;
  std::string logLevel;

  explicit Given(const Settings& defaults);
  po::options_description capture();
  po::options_description mirrors();
  po::options_description reassembly();
  po::options_description process();
};

Given::Given(const Settings& d)
    : device(d.capture.device),
      ring{d.capture.ringBytes},
      ringTotal{d.capture.ringBytesTotal},
      budget{d.mirror.budgetBytes},
      heldPerConnection{d.reassembly.heldPerFlow},
      heldTotal{d.reassembly.heldTotal},
      memoryBudget{0},
      batch{d.capture.batch},
      defaultTtl{d.mirror.defaultTtl},
      maxTtl{d.mirror.maxTtl},
      linger{d.mirror.linger},
      keepEnded{d.mirror.keepEnded},
      writeInterval{d.mirror.writeInterval},
      gapTimeout{d.reassembly.gapTimeout},
      idleTimeout{d.reassembly.idleTimeout},
      udpIdle{d.reassembly.udpIdle},
      snaplen(d.capture.snaplen),
      maxMirrors(d.mirror.maxMirrors),
      maxPushConnections(d.mirror.maxPushConnections),
      maxConnections(d.reassembly.maxFlows),
      maxPercent(d.mirror.maxPercent),
      redactBody{d.mirror.redactBytes},
      logLevel("info") {}

// A default is the variable's own value, so that it stands in one place: settings.h.
template <typename T>
po::typed_value<T>* bound(T& variable, const char* name) {
  return po::value(&variable)->default_value(variable)->value_name(name);
}

po::options_description Given::capture() {
  po::options_description group("Capture");
  // clang-format off
  group.add_options()
      ("device", bound(device, "NAME"), "interface to capture on; any: all of them, loopback too")
      ("ring", bound(ring, "SIZE"), "kernel ring of one mirror")
      ("ring-total", bound(ringTotal, "SIZE"),
       "kernel rings of all mirrors together (no cgroup counts them)")
      ("batch", bound(batch, "DURATION"),
       "how long the kernel may collect packets before it wakes the sidecar; 0: not at all")
      ("snaplen", bound(snaplen, "BYTES"), "bytes kept of a frame");
  // clang-format on
  return group;
}

po::options_description Given::mirrors() {
  po::options_description group("Mirrors");
  // clang-format off
  group.add_options()
      ("max-mirrors", bound(maxMirrors, "N"), "mirrors at the same time")
      ("default-ttl", bound(defaultTtl, "DURATION"), "life of a mirror that names none")
      ("max-ttl", bound(maxTtl, "DURATION"), "the longest life that may be asked for")
      ("mirror-budget", bound(budget, "SIZE"), "bytes that may wait for the receiver, per mirror")
      ("write-interval", bound(writeInterval, "DURATION"),
       "how long packets of a stream may wait under steady traffic to be taken and written together; "
       "0: not at all")
      ("max-push-connections", bound(maxPushConnections, "N"), "connections of one push mirror")
      ("linger", bound(linger, "DURATION"),
       "how long to wait for a push receiver that does not close its side")
      ("keep-ended", bound(keepEnded, "DURATION"), "how long an ended mirror stays readable")
      ("allow-port", po::value(&allowPorts)->composing()->value_name("PORT"),
       "a port that may be mirrored; may be repeated; none named: all but the sidecar's own")
      ("allow-to", po::value(&allowTo)->composing()->value_name("CIDR"),
       "a network that push mirrors may connect to; may be repeated; none named: push is off")
      ("max-percent", bound(maxPercent, "PERCENT"),
       "the largest share of its connections or requests that a mirror may take")
      ("redact-header", po::value(&redactHeaders)->composing()->value_name("NAME"),
       "a header whose values no mirror delivers; may be repeated")
      ("redact-body", bound(redactBody, "SIZE"),
       "the largest body in which a mirror redacts JSON members; requests with larger ones are "
       "skipped");
  // clang-format on
  return group;
}

po::options_description Given::reassembly() {
  po::options_description group("Reassembly");
  // clang-format off
  group.add_options()
      ("max-connections", bound(maxConnections, "N"), "connections followed, all mirrors together")
      ("held-per-connection", bound(heldPerConnection, "SIZE"),
       "out-of-order bytes of one connection")
      ("held-total", bound(heldTotal, "SIZE"), "out-of-order bytes of all connections")
      ("gap-timeout", bound(gapTimeout, "DURATION"), "how long to wait for a missing segment")
      ("idle-timeout", bound(idleTimeout, "DURATION"), "silence that ends a TCP connection")
      ("udp-idle", bound(udpIdle, "DURATION"), "silence that ends a UDP flow");
  // clang-format on
  return group;
}

po::options_description Given::process() {
  po::options_description group("Process");
  // clang-format off
  group.add_options()
      ("memory-budget", po::value(&memoryBudget)->value_name("SIZE"),
       "memory that the sidecar may use; default: the cgroup's limit, or 256MiB without one")
      ("exit-when-idle", po::value(&exitWhenIdle)->value_name("DURATION"),
       "end after so long without a mirror, counted from the start too; default: never")
      ("log-level", bound(logLevel, "LEVEL"), "debug, info, warn or error");
  // clang-format on
  return group;
}

std::chrono::seconds wholeSeconds(const Duration& duration, const char* option) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration.value);
  if (seconds.count() < 1) throw OptionError(std::string("--") + option + " is below one second");
  return seconds;
}

void demand(bool holds, const std::string& sentence) {
  if (!holds) throw OptionError(sentence);
}

template <typename T>
T demanded(std::optional<T> value, const std::string& sentence) {
  if (!value) throw OptionError(sentence);
  return *std::move(value);
}

std::uint16_t parsePort(const std::string& text) {
  std::size_t end = 0;
  unsigned long port = 0;
  try {
    port = std::stoul(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  demand(end == text.size() && !text.empty() && port >= 1 && port <= 65535 && text[0] != '-',
         "--allow-port: '" + text + "' is not a port (1 to 65535)");
  return static_cast<std::uint16_t>(port);
}

void resolveMirrors(const Given& given, MirrorSettings& mirror) {
  demand(given.maxMirrors >= 1 && given.maxMirrors <= reassembly::kMaxMirrors,
         "--max-mirrors is not between 1 and " + std::to_string(reassembly::kMaxMirrors));
  demand(given.budget.bytes >= 64 << 10, "--mirror-budget is below 64KiB");
  mirror.maxMirrors = given.maxMirrors;
  mirror.defaultTtl = wholeSeconds(given.defaultTtl, "default-ttl");
  mirror.maxTtl = wholeSeconds(given.maxTtl, "max-ttl");
  mirror.budgetBytes = given.budget.bytes;
  mirror.writeInterval =
      std::chrono::duration_cast<std::chrono::milliseconds>(given.writeInterval.value);
  demand(mirror.writeInterval <= std::chrono::seconds(1), "--write-interval is above 1s");
  mirror.maxPushConnections = given.maxPushConnections;
  mirror.linger = wholeSeconds(given.linger, "linger");
  mirror.keepEnded = wholeSeconds(given.keepEnded, "keep-ended");
  demand(given.maxPercent > 0 && given.maxPercent <= 100,
         "--max-percent is not above 0 and at most 100");
  mirror.maxPercent = given.maxPercent;
  demand(given.redactBody.bytes >= 1 << 10 && given.redactBody.bytes <= 128 << 10,
         "--redact-body is not between 1KiB and 128KiB");
  mirror.redactBytes = given.redactBody.bytes;
  for (const std::string& name : given.redactHeaders) {
    try {
      mirror.redactHeaders.push_back(wire::parseRedactedHeader(name));
    } catch (const std::invalid_argument& error) {
      throw OptionError("--redact-header: " + std::string(error.what()));
    }
  }
  for (const std::string& port : given.allowPorts) mirror.allowedPorts.push_back(parsePort(port));
  for (const std::string& text : given.allowTo) {
    mirror.allowedTargets.push_back(demanded(
        Network::parse(text), "--allow-to: '" + text + "' is not a network such as 10.0.0.0/8"));
  }
}

/// In a small budget, what all mirrors share takes a fifth each for held bytes and for records, so
/// that some is left for mirrors.
void fitReassembly(Settings& agent) {
  const std::size_t share = agent.memory.limitBytes / 5;
  reassembly::Limits& limits = agent.reassembly;
  limits.heldTotal = std::min(limits.heldTotal, share);
  limits.heldPerFlow = std::min(limits.heldPerFlow, limits.heldTotal);
  limits.maxFlows = std::min(limits.maxFlows,
                             std::max<std::size_t>(share / reassembly::Limits::kBytesPerFlow, 64));
}

void resolve(const Given& given, CommandLine& line) {
  Settings& agent = line.agent;
  line.control = control::resolve(given.control);
  line.enter = enter::resolve(given.enter);
  line.logLevel =
      demanded(parseLogLevel(given.logLevel), "--log-level is none of debug, info, warn, error");

  agent.capture.device = given.device;
  agent.capture.ringBytes = given.ring.bytes;
  agent.capture.ringBytesTotal = given.ringTotal.bytes;
  agent.capture.batch = std::chrono::duration_cast<std::chrono::milliseconds>(given.batch.value);
  agent.capture.snaplen = given.snaplen;
  demand(given.ring.bytes >= 512 << 10 && given.ring.bytes <= 1 << 30,
         "--ring is not between 512KiB and 1GiB");
  demand(given.snaplen >= 128 && given.snaplen <= 262144,
         "--snaplen is not between 128 and 262144");
  demand(agent.capture.batch <= std::chrono::seconds(1), "--batch is above 1s");

  resolveMirrors(given, agent.mirror);
  agent.mirror.ownPorts.push_back(line.control.listen.port);
  if (line.control.metricsListen) {
    agent.mirror.ownPorts.push_back(line.control.metricsListen->port);
  }

  demand(given.maxConnections >= 64 && given.maxConnections <= 1 << 20,
         "--max-connections is not between 64 and 1048576");
  agent.reassembly.maxFlows = given.maxConnections;
  agent.reassembly.heldPerFlow = given.heldPerConnection.bytes;
  agent.reassembly.heldTotal = given.heldTotal.bytes;
  agent.reassembly.gapTimeout = given.gapTimeout.value;
  agent.reassembly.idleTimeout = given.idleTimeout.value;
  agent.reassembly.udpIdle = given.udpIdle.value;

  if (given.memoryBudget.bytes > 0) {
    agent.memory.limitBytes = given.memoryBudget.bytes;
  } else if (const auto limit = cgroupMemoryLimit()) {
    agent.memory.limitBytes = *limit;
  }
  fitReassembly(agent);
  if (given.exitWhenIdle.value.count() != 0) {
    agent.exitWhenIdle = wholeSeconds(given.exitWhenIdle, "exit-when-idle");
  }
}

}  // namespace

std::optional<int> parseCommandLine(const std::vector<std::string>& arguments,
                                    const Options::Environment& environment, std::ostream& out,
                                    std::ostream& err, CommandLine& line) {
  Given given{Settings{}};
  Options options("dormouse-sidecar",
                  "A mirror agent that sleeps in a pod until an authenticated request wakes it.",
                  "DORMOUSE");
  options.add(given.control.describe());
  options.add(given.mirrors());
  options.add(given.capture());
  options.add(given.reassembly());
  options.add(given.enter.describe());
  options.add(given.process());
  return options.parse(arguments, environment, out, err, [&] { resolve(given, line); });
}

}  // namespace dormouse::agent
