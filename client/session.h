// The mirrors of one pod during a run: wakes it, replays its streams, comes back after a break.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/background_task.h"
#include "client/comparison.h"
#include "client/display.h"
#include "client/endpoint.h"
#include "client/stream_mirror.h"
#include "client/tally.h"
#include "wire/mirror_spec.h"

namespace dormouse::client {

/// What all sessions of a run share. Everything outlives them.
struct SessionContext {
  LocalPorts& ports;
  EventLoop& loop;
  const Clock& clock;
  Display& display;
  std::string what;                  // "port 8080 to 127.0.0.1:3000"
  Comparison* comparison = nullptr;  // Null unless responses are compared.
};

/// One after another a session reaches its sidecar, wakes it, and mirrors; if the stream breaks off
/// and the endpoint can be reopened, it waits a little and begins again, and what a broken mirror
/// became is asked of the sidecar first. After five minutes of trying in vain it gives up. To be
/// tended after each round of the loop. Main thread only.
class Session {
 public:
  /// `name`: "pod/web-0"; empty where there is only one. `spec`: what to ask for; its ttl, if there
  /// is one, counts from now for all mirrors together. `patient`: also the first wake is tried
  /// again if it fails.
  Session(std::string name, std::unique_ptr<Endpoint> endpoint, wire::MirrorSpec spec, bool patient,
          const SessionContext& context);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool readOn();
  void tend();
  /// The user has had enough. Called again: at once.
  void stop();
  /// The pod is being deleted: its sidecar will end the mirror, and no other one follows.
  void noteLeaving() { leaving_ = true; }
  TimePoint nextAt() const;

  bool over() const { return state_ == State::kOver && draining_.empty(); }
  /// The session ended because its pod did.
  bool gone() const { return gone_; }
  /// The sidecar ended the last mirror because its time was over.
  bool expired() const { return expired_; }
  /// No other mirror follows.
  bool concluding() const { return state_ == State::kConcluding || state_ == State::kOver; }
  bool mirroring() const { return state_ == State::kMirroring; }
  const std::string& name() const { return name_; }
  /// What was counted so far. The sidecars' part: of mirrors that have ended.
  Tally tally() const;
  /// The report of the last mirror that has one.
  const std::optional<Report>& report() const { return report_; }
  /// Why the sidecar was never woken; empty if it was.
  const std::string& refusal() const { return refusal_; }
  ExitCode code() const;
  /// One plain sentence: the sidecar's own, which explains most, if it is about everything there
  /// is.
  std::string verdict() const;

 private:
  enum class State : std::uint8_t {
    kReaching,    // From the constructor, and from kAway in time.
    kWaking,      // The endpoint is open.
    kMirroring,   // The sidecar answered.
    kAway,        // A stream broke off, or coming back failed.
    kConcluding,  // The last stream is over, its ledger not known yet.
    kOver,
  };

  void tendReaching();
  void tendWaking();
  void tendMirroring();
  void tendConcluding();
  void wake();
  void settleBroken();
  void takeBroken();
  void begin(OpenedStream stream);
  void streamEnded();
  void fail(const std::string& sentence, bool forGood);
  void goAway(const std::string& sentence);
  void conclude();
  void account(const std::optional<Report>& report);
  void notice(const std::string& sentence);
  TimePoint now() const { return context_.clock.now(); }

  const std::string name_;
  std::unique_ptr<Endpoint> endpoint_;  // Null once kOver.
  wire::MirrorSpec spec_;
  const bool patient_;
  const SessionContext& context_;
  const TimePoint begunAt_;
  const TimePoint deadline_;  // Of the ttl; max() without one.

  State state_ = State::kReaching;
  std::shared_ptr<const ControlClient> control_;
  std::unique_ptr<StreamMirror> mirror_;
  std::vector<std::unique_ptr<StreamMirror>> draining_;  // Streams that are over.
  std::string unresolved_;  // Id of a broken mirror, until its ledger has come or is lost.
  bool stopping_ = false;
  bool gone_ = false;
  bool leaving_ = false;  // The pod soon is gone, too.
  bool expired_ = false;
  bool broken_ = false;  // The last stream ended without a ledger.
  std::string refusal_;
  std::optional<Report> report_;
  Tally tally_;  // Without the local accounts of mirror_ and draining_.

  TimePoint mirrorAt_;  // Of the last mirror's begin.
  // Away: since when, and how often coming back was tried since a mirror lived for some time.
  std::optional<TimePoint> awaySince_;
  unsigned tries_ = 0;
  TimePoint retryAt_ = TimePoint::max();

  // Written by task_, read after it is done.
  struct Answer {
    std::optional<OpenedStream> stream;
    std::optional<Report> broken;  // Of unresolved_.
    bool brokenLost = false;       // The sidecar knows nothing of it.
    std::string error;
    int status = 0;  // Of a refusal.
  };
  Answer answer_;
  std::unique_ptr<BackgroundTask> task_;
};

}  // namespace dormouse::client
