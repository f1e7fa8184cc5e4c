// What a shell offers behind `kubectl mirror`.
#pragma once

#include <string>
#include <vector>

#include "client/cluster.h"

namespace dormouse::client {

/// Candidates, and what the shell is to do with them; the values are cobra's, by which kubectl
/// speaks with its plugins.
struct Completion {
  std::vector<std::string> candidates;  // Each perhaps with a tab and a description.
  bool files = false;                   // The shell offers files besides.

  /// As an executable `kubectl_complete-mirror` prints it: one candidate a line, then ":DIRECTIVE".
  std::string text() const;
};

/// What kubectl is told with the words typed so far: --namespace, --context, --kubeconfig.
KubectlOptions kubectlOptionsIn(const std::vector<std::string>& words);

/// `words`: what stands behind `kubectl mirror`; the last one is being typed, perhaps empty. What
/// the cluster does not tell is left out.
Completion complete(const std::vector<std::string>& words, const Cluster& cluster);

}  // namespace dormouse::client
