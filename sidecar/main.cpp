// dormouse-sidecar: the mirror agent that sleeps in a pod.

#include <iostream>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/options.h"
#include "agent/supervisor.h"

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
  return agent::supervise([&line] { return agent::runWorker(line); }, log);
}
