// What the developer sees.
#pragma once

#include <Poco/JSON/Object.h>

#include <optional>
#include <ostream>
#include <string>

#include "client/comparison.h"
#include "client/outcome.h"
#include "client/replayer.h"
#include "client/tally.h"
#include "common/clock.h"

namespace dormouse::client {

enum class Style : std::uint8_t {
  kLive,   // One line, rewritten at most five times a second.
  kPlain,  // A line when something changed, at most every five seconds.
  kQuiet,  // The end only, and notices.
  kJson,   // Events as NDJSON, in the plain style's rhythm.
};

/// What was seen so far: the stream's account joined with the local one.
struct Progress {
  std::uint64_t connections = 0;
  std::uint64_t open = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, kReasonCount> skipped{};
  std::optional<CompareCounts> compared;  // Only with --compare.

  bool operator==(const Progress&) const = default;
};

/// Writes to one stream. One thread only.
class Display {
 public:
  /// `out` and `clock` must outlive this. `prefix` stands before each line that is no JSON, where
  /// others write to the same stream.
  Display(Style style, std::ostream& out, const Clock& clock, std::string prefix = "");

  /// `name`: of the pod, such as "pod/web-0"; empty if there is none to tell apart.
  void started(const std::string& name, const std::string& mirror, const std::string& what);
  /// An agent has come into a pod and answers.
  void attached(const std::string& pod, const std::string& agent, const std::string& way,
                std::uint16_t controlPort);
  void progress(const Progress& progress);
  /// Something the developer should know now. Never held back.
  void notice(const std::string& sentence);
  /// The responses to a request differ. Never held back, but for quiet ones.
  void different(const DifferentRequest& request);
  /// What the comparison has found, before the end.
  void compared(const CompareCounts& counts);
  /// The end: the sidecar's report if there is one, the local account if there is one.
  void ended(const std::optional<Report>& report, const LocalAccount* local, ExitCode code);
  /// The end of one pod's part. `verdict`: empty where the run's says the same.
  void podEnded(const std::string& name, const Tally& tally, const std::string& verdict);
  /// The end of a run over pods. `notMirrored`: pods that could not be mirrored at all.
  void runEnded(const Tally& tally, unsigned pods, unsigned notMirrored, const std::string& verdict,
                ExitCode code);

 private:
  void line(const std::string& text);
  void event(const std::string& name, Poco::JSON::Object& object);
  void endedText(const std::optional<Report>& report, const LocalAccount* local);
  void ledgerText(const wire::Ledger& ledger);

  const Style style_;
  std::ostream& out_;
  const Clock& clock_;
  const std::string prefix_;
  Progress shown_;
  TimePoint nextAt_;
  std::size_t liveWidth_ = 0;  // Of the live line that stands on the terminal.
};

/// "1.5 MiB"
std::string formatBytes(std::uint64_t bytes);

/// "gap 3, joined-late 9"; empty if nothing is skipped.
std::string formatSkipped(const std::array<std::uint64_t, kReasonCount>& skipped);

}  // namespace dormouse::client
