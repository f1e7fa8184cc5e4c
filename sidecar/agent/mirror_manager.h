// All mirrors, from the request to the last reader of their ledger.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/data_loop.h"
#include "agent/settings.h"
#include "capture/pcap_capture.h"
#include "common/clock.h"
#include "common/executor.h"
#include "http/share_cap.h"
#include "mirror/mirror_service.h"
#include "sink/target.h"

namespace dormouse::agent {

/// What the manager needs of the world outside. All of it outlives the manager.
struct ManagerDependencies {
  const Clock& clock;
  /// Closes captures, ends the data thread, resolves names, audits.
  Executor& executor;
  std::function<std::unique_ptr<capture::Capture>(const capture::PcapOptions&)> openCapture;
  /// Resolves `to` on the caller's thread; throws Problem.
  std::function<std::unique_ptr<sink::Target>(const wire::MirrorSpec&)> resolveTarget;
  /// Told of every mirror that is live and of every one that has ended. Any thread.
  std::function<void(const mirror::MirrorReport&)> onWake;
  std::function<void(const mirror::MirrorReport&)> onSleep;
};

/// Owned by the wiring. Any thread may call. The data loop is made with the first mirror and
/// destroyed after the last.
class MirrorManager final : public mirror::MirrorService {
 public:
  MirrorManager(Settings settings, ManagerDependencies dependencies, std::string version);
  /// REQUIRES: shutdown() was called, or no mirror was ever made; none of its tasks is left on the
  /// executor.
  ~MirrorManager() override;

  mirror::MirrorReport createPush(const std::string& owner, const wire::MirrorSpec& spec) override;
  std::unique_ptr<mirror::PendingStream> openStream(const std::string& owner,
                                                    const wire::MirrorSpec& spec) override;
  std::vector<mirror::MirrorReport> list() override;
  mirror::MirrorReport find(const std::string& id) override;
  mirror::MirrorReport end(const std::string& owner, const std::string& id) override;
  std::vector<mirror::MirrorReport> endAll(const std::string& owner) override;
  mirror::AgentStatus status() override;

  /// If no mirror has lived for `idle` (counted from the manager's begin, then from each moment
  /// when the last one ended): refuses new ones from now on, and returns nothing. Else how long to
  /// wait, more than 0, until that may be so.
  std::optional<Nanos> retireAfter(Nanos idle);

  /// Refuses new mirrors, ends all with "shutdown" and waits until they have ended, at most
  /// `patience`.
  void shutdown(std::chrono::milliseconds patience);

 private:
  class Stream;
  struct Active {
    mirror::MirrorIdentity identity;
    TimePoint deadline;
    bool live = false;                         // Its capture is open.
    bool started = false;                      // The data loop has it; before that, its maker has.
    std::optional<mirror::MirrorReport> last;  // The final report, until the capture is closed.
    std::string endBecause;  // It is to end as soon as it has started; empty: it is not.
  };
  struct Ended {
    mirror::MirrorReport report;
    TimePoint at;
  };

  /// Takes a place among the mirrors. Throws Problem.
  mirror::MirrorIdentity reserve(const std::string& owner, wire::MirrorSpec spec, bool push);
  void release(const std::string& id);
  std::unique_ptr<capture::Capture> open(const wire::MirrorSpec& spec, bool push);
  void startOnLoop(const std::string& id, std::unique_ptr<capture::Capture> capture,
                   DataLoop::MirrorMaker maker);
  /// A mirror has left the data loop: its last report counts, its capture is closed elsewhere. Data
  /// thread.
  void retire(mirror::MirrorReport report, std::unique_ptr<capture::Capture> capture);
  /// Its capture is closed too.
  void bury(const mirror::MirrorReport& report);
  /// The reports of those whose capture is live.
  std::vector<mirror::MirrorReport> activeReports();
  std::vector<mirror::MirrorReport> endThese(const std::vector<std::string>& ids,
                                             const std::string& because,
                                             std::chrono::milliseconds patience);
  // REQUIRE: mutex_ is held.
  void remove(const std::string& id);
  void forgetOld();

  const Settings settings_;
  const ManagerDependencies dependencies_;
  const std::string version_;
  const TimePoint born_;
  http::HeadStart headStart_;  // Of all mirrors, also those of a later data loop. Data thread only.

  std::mutex mutex_;  // Guards all below.
  std::condition_variable changed_;
  std::map<std::string, Active> active_;
  std::deque<Ended> ended_;  // Newest first.
  std::shared_ptr<DataLoop> loop_;
  bool shuttingDown_ = false;
  TimePoint idleSince_;  // While active_ is empty.
  std::uint64_t wakes_ = 0;
  std::uint64_t endedPackets_ = 0;
  std::uint64_t endedDrops_ = 0;
};

}  // namespace dormouse::agent
