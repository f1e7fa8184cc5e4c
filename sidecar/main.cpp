// dormouse-sidecar: the mirror agent that sleeps in a pod.

#include <climits>
#include <iostream>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/options.h"
#include "agent/supervisor.h"
#include "enter/enter_error.h"
#include "enter/entry.h"

int main(int argc, char** argv) {
  using namespace dormouse;
  agent::CommandLine line;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (const auto exit = agent::parseCommandLine(arguments, Options::processEnvironment(), std::cout,
                                                std::cerr, line)) {
    return *exit;
  }
  const SystemClock clock;
  const Log log(line.logLevel, clock);
  // Before any fork, so that the supervisor too has given up its rights.
  enter::Descriptor target;
  if (line.enter) {
    try {
      target = enter::enterPod(*line.enter);
    } catch (const enter::EnterError& error) {
      log.error("cannot enter the pod", {{"error", std::string(error.what())}});
      return agent::kBadStart;
    }
    log.info("entered", {{"pod", line.enter->nameSpace + "/" + line.enter->name},
                         {"container", line.enter->containerId}});
  }
  // What is to end by itself must not be kept alive by its deaths.
  constexpr unsigned kMostDeaths = 5;
  const bool endsByItself = line.agent.exitWhenIdle.count() != 0;
  return agent::supervise([&] { return agent::runWorker(line, target.get()); }, log,
                          endsByItself ? kMostDeaths : UINT_MAX);
}
