// Who woke what and when: one log line for every wake, sleep and refusal.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "common/clock.h"
#include "common/log.h"
#include "common/problem.h"
#include "mirror/mirror_service.h"

namespace dormouse::control {

/// Shared by the control API, which audits refusals, and the agent, which audits every wake and
/// every sleep, whatever caused it. Any thread may call. Lines have
/// "audit": "wake", "sleep" or "refusal"; none holds a token or payload.
class Audit {
 public:
  /// REQUIRES: log and clock outlive the object.
  Audit(const Log& log, const Clock& clock) : log_(log), clock_(clock) {}

  /// A mirror's capture is live.
  void wake(const mirror::MirrorReport& report);
  /// A mirror has ended; `report` holds its final ledger and why.
  void sleep(const mirror::MirrorReport& report);
  /// An authenticated caller's request failed. `what`: method and path.
  void refusal(const std::string& principal, const std::string& what, const Problem& problem);
  /// A caller without a valid token. At most ten lines a minute: whoever asks in a loop must not
  /// fill the node's disk. The next line says how many were left out.
  void intrusion(const std::string& peer, const std::string& what, const Problem& problem);

 private:
  static Log::Fields describe(const wire::MirrorSpec& spec);

  const Log& log_;
  const Clock& clock_;
  std::mutex mutex_;
  TimePoint windowBegan_{};
  int linesInWindow_ = 0;
  std::uint64_t leftOut_ = 0;
};

}  // namespace dormouse::control
