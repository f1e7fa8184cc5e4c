// The pods that a run mirrors: which there are, and which come later.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/arguments.h"
#include "client/pod_watch.h"
#include "client/pods.h"
#include "client/session.h"

namespace dormouse::client {

/// Owns one session per pod; of a workload at most so many at a time as --max-pods says. A pod that
/// goes is kept for its account. The first mirror of a workload that ends by its time ends the run.
/// To be tended after each round of the loop. Main thread only.
class Fleet {
 public:
  /// A sidecar at a URL.
  Fleet(const Arguments& arguments, const SessionContext& context);
  /// Pods. `kubectl` must outlive this. Throws ClusterError if none of a workload is running, or
  /// the agent of none.
  Fleet(const Arguments& arguments, const ChosenPods& chosen, std::string token,
        const Kubectl& kubectl, const SessionContext& context);

  /// True if more may be there at once: then the loop must not wait.
  bool readOn();
  void tend();
  /// The user has had enough. To be called once.
  void stop();
  /// When tend() has something to do though nothing happens.
  TimePoint nextAt() const;
  /// Nothing is mirrored any more. A workload is waited for as long as the last session ended with
  /// its pod, since another will take its place.
  bool over() const;

  /// Never empty.
  const std::vector<std::unique_ptr<Session>>& sessions() const { return sessions_; }

 private:
  std::string noneAnswers() const;
  void note(const PodEvent& event);
  void fill();
  void add(const Pod& pod);
  void endRest();
  std::size_t living() const;
  wire::MirrorSpec specForNow() const;

  const Arguments& arguments_;
  const SessionContext& context_;
  const Kubectl* kubectl_ = nullptr;
  const std::string token_;
  TimePoint deadline_;  // Of the ttl, or of the sidecars' own, once one mirror has shown it.
  std::unique_ptr<PodWatch> watch_;        // Of a workload.
  std::map<std::string, Pod> waiting_;     // By uid: running, not mirrored yet.
  std::map<std::string, Session*> taken_;  // By uid: the pods that got a session.
  std::vector<std::unique_ptr<Session>> sessions_;
  bool stopping_ = false;
  bool restEnded_ = false;
  bool lastWasGone_ = false;
  bool crowdAnnounced_ = false;
  bool aloneAnnounced_ = false;
};

}  // namespace dormouse::client
