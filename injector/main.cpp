// dormouse-injector: the admission webhook that brings the sidecar into pods.
#include <csignal>
#include <ctime>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "injector/injector.h"
#include "injector/options.h"
#include "injector/self_test.h"

namespace {

using namespace dormouse;            // NOLINT(google-build-using-namespace): this is the program.
using namespace dormouse::injector;  // NOLINT(google-build-using-namespace)

// SIGTERM and SIGINT, blocked in every thread and waited for in this one.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  void wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
  }
  void waitAtMost(Nanos time) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const std::timespec limit{seconds.count(), (time - seconds).count()};
    sigtimedwait(&set_, nullptr, &limit);
  }

 private:
  sigset_t set_{};
};

int serve(const CommandLine& line) {
  const SystemClock clock;
  const Log log(line.logLevel, clock);
  std::signal(SIGPIPE, SIG_IGN);
  const Signals signals;
  try {
    Injector injector(line, clock, log);
    injector.start();
    signals.wait();
    log.info("ending", {{"delay", formatDuration(line.shutdownDelay)}});
    injector.drain();
    // A second signal ends the wait.
    signals.waitAtMost(line.shutdownDelay);
    injector.stop();
    log.info("ended");
    return 0;
  } catch (const std::exception& error) {
    log.error("cannot start", {{"cause", std::string(error.what())}});
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const Options::Environment environment = Options::processEnvironment();
  try {
    if (!arguments.empty() && arguments.front() == "self-test") {
      arguments.erase(arguments.begin());
      return selfTestMain(arguments, environment, std::cout, std::cerr);
    }
    CommandLine line;
    const auto exit = parseCommandLine(arguments, environment, std::cout, std::cerr, line);
    return exit ? *exit : serve(line);
  } catch (const std::exception& error) {
    std::cerr << "dormouse-injector: " << error.what() << "\n";
    return 1;
  }
}
