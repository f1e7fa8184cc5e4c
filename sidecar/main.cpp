// dormouse-sidecar: the mirror agent that sleeps in a pod.

#include <climits>
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
  // What is to end by itself must not be kept alive by its deaths.
  constexpr unsigned kMostDeaths = 5;
  const bool endsByItself = line.agent.exitWhenIdle.count() != 0;
  return agent::supervise([&line] { return agent::runWorker(line); }, log,
                          endsByItself ? kMostDeaths : UINT_MAX);
}
