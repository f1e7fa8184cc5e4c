#include "agent/agent.h"

#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "agent/mirror_manager.h"
#include "agent/supervisor.h"
#include "common/interfaces.h"
#include "common/metrics.h"
#include "common/units.h"
#include "common/version.h"
#include "common/worker_thread.h"
#include "control/audit.h"
#include "control/control_server.h"
#include "sink/resolver.h"
#include "sink/target.h"

namespace dormouse::agent {
namespace {

/// Of the second in which a SIGTERM is obeyed, what the mirrors have to settle and to write their
/// ledgers.
constexpr std::chrono::milliseconds kShutdownPatience{750};

sigset_t stopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

timespec timespecOf(Nanos span) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  return {seconds.count(), (span - seconds).count()};
}

/// Waits for a stop signal and returns it; 0 once the agent has been idle for as long as it may.
int awaitEnd(const sigset_t& stop, MirrorManager& manager, std::chrono::seconds exitWhenIdle) {
  int signal = 0;
  if (exitWhenIdle.count() == 0) {
    sigwait(&stop, &signal);
    return signal;
  }
  while (const auto left = manager.retireAfter(exitWhenIdle)) {
    const timespec timeout = timespecOf(*left);
    signal = sigtimedwait(&stop, nullptr, &timeout);
    if (signal > 0) return signal;
  }
  return 0;
}

/// Ends the process at the next stop signal, from a thread of its own, while the orderly end is
/// under way.
void endAtSecondSignal() {
  std::thread([set = stopSignals()] {
    int signal = 0;
    sigwait(&set, &signal);
    _exit(128 + signal);
  }).detach();
}

/// Sends the supervisor, this process's parent, a SIGTERM when the target's process has ended: it
/// would only replace a worker that ends by itself. A thread of its own, which sleeps until then.
void endWithTarget(int targetProcess, const Log& log) {
  std::thread([targetProcess, &log] {
    pollfd watched{targetProcess, POLLIN, 0};
    while (poll(&watched, 1, -1) < 0) {
    }
    log.info("the container that was entered has ended");
    kill(getppid(), SIGTERM);
  }).detach();
}

}  // namespace

int runWorker(const CommandLine& line, int targetProcess) {
  // A few threads that rarely run need no arenas of their own.
  mallopt(M_ARENA_MAX, 2);
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t stop = stopSignals();
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const SystemClock clock;
  const Log log(line.logLevel, clock);
  if (targetProcess >= 0) endWithTarget(targetProcess, log);
  control::Audit audit(log, clock);
  Metrics metrics;
  const auto resolver = std::make_shared<sink::SystemResolver>();
  // Captures are closed and mirrors buried on one thread, names are resolved on another: a name
  // server that does not answer must not keep a capture open.
  WorkerThread resolving;
  WorkerThread closing;

  ManagerDependencies dependencies{
      clock,
      closing,
      [](const capture::PcapOptions& options) { return capture::openPcap(options); },
      [&](const wire::MirrorSpec& spec) {
        sink::TargetPolicy policy{line.agent.mirror.allowedTargets, spec.ports, ownAddresses};
        return std::make_unique<sink::Target>(spec.to, std::move(policy), resolver, resolving,
                                              clock);
      },
      [&audit](const mirror::MirrorReport& report) { audit.wake(report); },
      [&audit](const mirror::MirrorReport& report) { audit.sleep(report); }};
  MirrorManager manager(line.agent, std::move(dependencies), kVersion);

  std::unique_ptr<control::ControlServer> server;
  try {
    server =
        std::make_unique<control::ControlServer>(line.control, manager, metrics, audit, clock, log);
  } catch (const std::exception& error) {
    log.error("cannot start", {{"error", std::string(error.what())}});
    return kBadStart;
  }
  server->start();
  log.info("asleep",
           {{"version", std::string(kVersion)}, {"listen", line.control.listen.toString()}});

  const int signal = awaitEnd(stop, manager, line.agent.exitWhenIdle);
  if (signal != 0) {
    log.info("ending", {{"signal", signal}});
  } else {
    log.info("ending: idle", {{"idle", formatDuration(line.agent.exitWhenIdle)}});
  }
  endAtSecondSignal();
  manager.shutdown(kShutdownPatience);
  server->stop();
  // What is left would only be taken apart; a resolver that waits for its server could hold that up
  // for minutes.
  _exit(signal != 0 ? 0 : kFinished);
}

}  // namespace dormouse::agent
