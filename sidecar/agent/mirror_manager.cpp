#include "agent/mirror_manager.h"

#include <Poco/RandomStream.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/admission.h"
#include "agent/mirror_maker.h"
#include "capture/filter.h"
#include "common/problem.h"
#include "common/units.h"
#include "mirror/report.h"
#include "mirror/verdict.h"

namespace dormouse::agent {
namespace {

/// Unguessable, though nothing rests on that: a mirror's id is no credential.
std::string newId() {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 6> bytes{};
  Poco::RandomInputStream random;
  random.read(bytes.data(), bytes.size());
  std::string id = "m-";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    id += kDigits[value >> 4U];
    id += kDigits[value & 15U];
  }
  return id;
}

mirror::MirrorReport freshReport(const mirror::MirrorIdentity& identity) {
  mirror::MirrorReport report = mirror::describe(identity, "");
  report.verdict = mirror::verdict(report.ledger, identity.spec, false, {});
  return report;
}

}  // namespace

/// A stream between the opening of its capture and the handing over of its socket.
class MirrorManager::Stream final : public mirror::PendingStream {
 public:
  Stream(MirrorManager& manager, mirror::MirrorIdentity identity,
         std::unique_ptr<capture::Capture> capture)
      : manager_(manager), identity_(std::move(identity)), capture_(std::move(capture)) {}
  ~Stream() override {
    if (!capture_) return;
    capture_.reset();
    manager_.release(identity_.id);
  }
  const std::string& id() const override { return identity_.id; }
  void start(std::unique_ptr<StreamSocket> socket) override {
    manager_.startOnLoop(
        identity_.id, std::move(capture_),
        makeStreamMirror(manager_.settings_, identity_, manager_.headStart_, std::move(socket)));
  }

 private:
  MirrorManager& manager_;
  const mirror::MirrorIdentity identity_;
  std::unique_ptr<capture::Capture> capture_;
};

MirrorManager::MirrorManager(Settings settings, ManagerDependencies dependencies,
                             std::string version)
    : settings_(std::move(settings)),
      dependencies_(std::move(dependencies)),
      version_(std::move(version)),
      born_(dependencies_.clock.now()),
      idleSince_(born_) {}

MirrorManager::~MirrorManager() = default;

mirror::MirrorIdentity MirrorManager::reserve(const std::string& owner, wire::MirrorSpec spec,
                                              bool push) {
  mirror::MirrorIdentity identity;
  identity.id = newId();
  identity.owner = owner;
  identity.push = push;
  identity.spec = std::move(spec);
  identity.started = dependencies_.clock.wallNow();
  identity.expires = identity.started + identity.spec.ttl;

  const std::lock_guard lock(mutex_);
  if (shuttingDown_) throw Problem(503, "the sidecar is shutting down");
  std::vector<Neighbour> others;
  others.reserve(active_.size());
  for (const auto& [id, other] : active_) {
    others.push_back({other.identity.owner, other.identity.spec});
  }
  admitOneMore(settings_, others, identity.spec);
  active_[identity.id] = Active{
      identity, dependencies_.clock.now() + identity.spec.ttl, false, false, std::nullopt, {}};
  return identity;
}

void MirrorManager::release(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    remove(id);
  }
  changed_.notify_all();
}

std::unique_ptr<capture::Capture> MirrorManager::open(const wire::MirrorSpec& spec, bool push) {
  capture::PcapOptions options;
  options.device = settings_.capture.device;
  options.ringBytes = settings_.capture.ringBytes;
  options.batch = settings_.capture.batch;
  options.snaplen = static_cast<int>(settings_.capture.snaplen);
  const auto transport =
      spec.protocol == wire::Protocol::kTcp ? capture::Transport::kTcp : capture::Transport::kUdp;
  const bool whole = !push && spec.format == wire::Format::kPcap;
  options.filter = whole ? capture::bothDirectionsFilter(transport, spec.ports)
                         : capture::reassemblyFilter(transport, spec.ports, spec.responses);
  try {
    return dependencies_.openCapture(options);
  } catch (const capture::MissingCapability& missing) {
    throw Problem(503, missing.what());
  } catch (const std::exception& error) {
    throw Problem(503, std::string("the capture could not be opened: ") + error.what());
  }
}

void MirrorManager::startOnLoop(const std::string& id, std::unique_ptr<capture::Capture> capture,
                                DataLoop::MirrorMaker maker) {
  mirror::MirrorReport report;
  {
    const std::lock_guard lock(mutex_);
    if (shuttingDown_) {
      remove(id);
      throw Problem(503, "the sidecar is shutting down");
    }
    Active& active = active_.at(id);
    if (!loop_) {
      loop_ = std::make_shared<DataLoop>(
          settings_.reassembly, settings_.capture.batch, dependencies_.clock,
          [this](mirror::MirrorReport ended, std::unique_ptr<capture::Capture> closing) {
            retire(std::move(ended), std::move(closing));
          });
    }
    // In the ring a small packet takes several times its own bytes.
    const Rest rest{active.identity.push ? Nanos{0} : Nanos{settings_.mirror.writeInterval},
                    settings_.capture.ringBytes / 16};
    if (!loop_->start({id, std::move(capture), std::move(maker), active.deadline, rest})) {
      remove(id);
      throw Problem(503, "the data thread does not keep up with its commands: try again");
    }
    if (!active.endBecause.empty()) loop_->end(id, active.endBecause);
    active.live = true;
    active.started = true;
    ++wakes_;
    report = freshReport(active.identity);
  }
  dependencies_.onWake(report);
}

void MirrorManager::retire(mirror::MirrorReport report, std::unique_ptr<capture::Capture> capture) {
  {
    const std::lock_guard lock(mutex_);
    active_.at(report.id).last = report;
  }
  std::shared_ptr<capture::Capture> shared = std::move(capture);
  dependencies_.executor.post([this, report = std::move(report), shared]() mutable {
    shared.reset();
    bury(report);
  });
}

void MirrorManager::bury(const mirror::MirrorReport& report) {
  // Before anybody can be told that the mirror has ended: the audit comes first.
  dependencies_.onSleep(report);
  std::shared_ptr<DataLoop> unused;
  {
    const std::lock_guard lock(mutex_);
    remove(report.id);
    ended_.push_front({report, dependencies_.clock.now()});
    endedPackets_ += report.ledger.packets.seen;
    endedDrops_ += report.ledger.packets.skippedFor(Reason::kKernelDrop);
    forgetOld();
    const bool running = std::any_of(active_.begin(), active_.end(),
                                     [](const auto& entry) { return entry.second.started; });
    if (!running) unused = std::move(loop_);
  }
  changed_.notify_all();
  if (unused) {
    unused.reset();
    // Asleep costs next to nothing: what the mirror used goes back to the kernel.
    ::malloc_trim(0);
  }
}

void MirrorManager::remove(const std::string& id) {
  active_.erase(id);
  if (active_.empty()) idleSince_ = dependencies_.clock.now();
}

std::optional<Nanos> MirrorManager::retireAfter(Nanos idle) {
  const std::lock_guard lock(mutex_);
  // Until a mirror ends, no less than all of it is left.
  if (!active_.empty()) return idle;
  const Nanos since = dependencies_.clock.now() - idleSince_;
  if (since < idle) return idle - since;
  shuttingDown_ = true;
  return std::nullopt;
}

void MirrorManager::forgetOld() {
  const TimePoint oldest = dependencies_.clock.now() - settings_.mirror.keepEnded;
  while (!ended_.empty() &&
         (ended_.size() > settings_.mirror.maxEnded || ended_.back().at < oldest)) {
    ended_.pop_back();
  }
}

mirror::MirrorReport MirrorManager::createPush(const std::string& owner,
                                               const wire::MirrorSpec& spec) {
  wire::MirrorSpec admitted = admitSpec(settings_, spec);
  std::unique_ptr<sink::Target> target = dependencies_.resolveTarget(admitted);
  const mirror::MirrorIdentity identity = reserve(owner, std::move(admitted), true);
  try {
    startOnLoop(
        identity.id, open(identity.spec, true),
        makePushMirror(settings_, identity, headStart_, std::move(target), dependencies_.clock));
  } catch (...) {
    release(identity.id);
    throw;
  }
  return freshReport(identity);
}

std::unique_ptr<mirror::PendingStream> MirrorManager::openStream(const std::string& owner,
                                                                 const wire::MirrorSpec& spec) {
  mirror::MirrorIdentity identity = reserve(owner, admitSpec(settings_, spec), false);
  try {
    std::unique_ptr<capture::Capture> capture = open(identity.spec, false);
    {
      const std::lock_guard lock(mutex_);
      active_.at(identity.id).live = true;
    }
    return std::make_unique<Stream>(*this, identity, std::move(capture));
  } catch (...) {
    release(identity.id);
    throw;
  }
}

std::vector<mirror::MirrorReport> MirrorManager::activeReports() {
  std::shared_ptr<DataLoop> loop;
  {
    const std::lock_guard lock(mutex_);
    loop = loop_;
  }
  std::map<std::string, mirror::MirrorReport> running;
  if (loop) {
    for (mirror::MirrorReport& report : loop->reports()) running[report.id] = std::move(report);
  }
  // Not on this thread: the last owner of a loop waits for its thread.
  if (loop) dependencies_.executor.post([loop = std::move(loop)] {});

  const std::lock_guard lock(mutex_);
  std::vector<mirror::MirrorReport> reports;
  for (const auto& [id, active] : active_) {
    const auto found = running.find(id);
    if (!active.live) continue;
    if (active.last) {
      reports.push_back(*active.last);
    } else {
      reports.push_back(found != running.end() ? found->second : freshReport(active.identity));
    }
  }
  return reports;
}

std::vector<mirror::MirrorReport> MirrorManager::list() {
  std::vector<mirror::MirrorReport> reports = activeReports();
  const std::lock_guard lock(mutex_);
  forgetOld();
  for (const Ended& ended : ended_) reports.push_back(ended.report);
  return reports;
}

mirror::MirrorReport MirrorManager::find(const std::string& id) {
  for (mirror::MirrorReport& report : list()) {
    if (report.id == id) return report;
  }
  throw Problem(404, "there is no mirror " + id + ", or it ended more than " +
                         formatDuration(settings_.mirror.keepEnded) + " ago");
}

mirror::MirrorReport MirrorManager::end(const std::string& owner, const std::string& id) {
  mirror::MirrorReport before = find(id);
  if (before.owner != owner) {
    throw Problem(403,
                  "mirror " + id + " belongs to " + before.owner + ": only its owner may end it");
  }
  if (before.state == mirror::State::kEnded) return before;
  endThese({id}, "deleted", std::chrono::seconds(3));
  return find(id);
}

std::vector<mirror::MirrorReport> MirrorManager::endAll(const std::string& owner) {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, active] : active_) {
      if (active.identity.owner == owner) ids.push_back(id);
    }
  }
  return endThese(ids, "deleted", std::chrono::seconds(3));
}

std::vector<mirror::MirrorReport> MirrorManager::endThese(const std::vector<std::string>& ids,
                                                          const std::string& because,
                                                          std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  for (const std::string& id : ids) {
    const auto active = active_.find(id);
    if (active == active_.end()) continue;
    // The data loop does not know it before it has started.
    if (active->second.started) {
      loop_->end(id, because);
    } else {
      active->second.endBecause = because;
    }
  }
  changed_.wait_for(lock, patience, [this, &ids] {
    return std::none_of(ids.begin(), ids.end(),
                        [this](const std::string& id) { return active_.count(id) != 0; });
  });
  std::vector<mirror::MirrorReport> reports;
  for (const Ended& ended : ended_) {
    if (std::find(ids.begin(), ids.end(), ended.report.id) != ids.end()) {
      reports.push_back(ended.report);
    }
  }
  return reports;
}

mirror::AgentStatus MirrorManager::status() {
  mirror::AgentStatus status;
  status.mirrors = activeReports();
  status.version = version_;
  status.uptime =
      std::chrono::duration_cast<std::chrono::seconds>(dependencies_.clock.now() - born_);
  const std::lock_guard lock(mutex_);
  status.awake = std::any_of(active_.begin(), active_.end(),
                             [](const auto& entry) { return entry.second.live; });
  status.packetsSeen = endedPackets_;
  status.kernelDrops = endedDrops_;
  status.wakes = wakes_;
  for (const mirror::MirrorReport& report : status.mirrors) {
    status.packetsSeen += report.ledger.packets.seen;
    status.kernelDrops += report.ledger.packets.skippedFor(Reason::kKernelDrop);
  }
  return status;
}

void MirrorManager::shutdown(std::chrono::milliseconds patience) {
  std::vector<std::string> ids;
  {
    const std::lock_guard lock(mutex_);
    shuttingDown_ = true;
    for (const auto& [id, active] : active_) ids.push_back(id);
  }
  endThese(ids, "shutdown", patience);
}

}  // namespace dormouse::agent
