// Asks the API server for a pod and looks whether it would have the sidecar.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/options.h"
#include "injector/kube/api.h"

namespace dormouse::injector {

struct SelfTest {
  std::string space;
  std::string image;  // Of the pod that is asked for. Nothing is pulled or run.
  Nanos timeout = std::chrono::seconds(60);
};

/// Creates a labelled pod as a dry run, again and again until the answer has the sidecar's
/// container or the time is over. Empty if it has; else why not, as a sentence. `pause` waits
/// between two tries.
std::string runSelfTest(const SelfTest& test, KubeApi& api, const Clock& clock,
                        const std::function<void()>& pause);

/// The subcommand: returns the exit code (0 injected, 1 not, 2 wrong usage).
int selfTestMain(const std::vector<std::string>& arguments, const Options::Environment& environment,
                 std::ostream& out, std::ostream& err);

}  // namespace dormouse::injector
