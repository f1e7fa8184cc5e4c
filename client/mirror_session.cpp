#include "client/mirror_session.h"

#include <Poco/Exception.h>
#include <sys/epoll.h>

#include <algorithm>
#include <map>
#include <memory>

#include "client/access.h"
#include "client/cluster.h"
#include "client/comparison.h"
#include "client/fleet.h"

namespace dormouse::client {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(200);

std::map<std::uint16_t, Poco::Net::SocketAddress> targetsOf(const Arguments& arguments) {
  std::map<std::uint16_t, Poco::Net::SocketAddress> targets;
  try {
    for (const PortPair& pair : arguments.pairs) {
      targets.emplace(pair.remote, Poco::Net::SocketAddress(arguments.toHost, pair.local));
    }
  } catch (const Poco::Exception& error) {
    throw UsageError("--to-host: " + printable(error.displayText()));
  }
  return targets;
}

std::string pairsText(const Arguments& arguments) {
  std::string text;
  for (const PortPair& pair : arguments.pairs) {
    text += text.empty() ? "port " : ", ";
    text +=
        std::to_string(pair.remote) + " to " + arguments.toHost + ":" + std::to_string(pair.local);
  }
  return text;
}

Beginning begin(Arguments& arguments, const Kubectl* kubectl, EventLoop& loop, const Clock& clock,
                const Signals& signals, Display& display) {
  if (kubectl == nullptr) return {};
  const Cluster cluster(
      *kubectl, loop, clock, [&signals] { return signals.pending(); },
      [&display](const std::string& sentence) { display.notice(sentence); });
  Beginning beginning{choosePods(cluster, arguments.target), arguments.token};
  usePodPorts(arguments, beginning.chosen);
  if (arguments.target.kind == Kind::kPod) {
    Access access = accessTo(beginning.chosen.pods.at(0), arguments, cluster);
    arguments.agent = std::move(access.wish);
    beginning.token = std::move(access.token);
  } else if (beginning.token.empty()) {
    beginning.token = cluster.token(arguments.secret, arguments.as);
  }
  return beginning;
}

class MirrorRun final : private EventHandler {
 public:
  MirrorRun(const Arguments& arguments, const Beginning& beginning, const Kubectl* kubectl,
            Signals& signals, EventLoop& loop, Display& display, const Clock& clock)
      : arguments_(arguments),
        signals_(signals),
        loop_(loop),
        display_(display),
        clock_(clock),
        ports_(targetsOf(arguments), arguments.bufferBytes,
               [&display](const std::string& sentence) { display.notice(sentence); }),
        comparison_(arguments.compare.value_or(CompareRules{}),
                    [&display](const DifferentRequest& request) { display.different(request); }),
        context_{ports_,
                 loop,
                 clock,
                 display,
                 pairsText(arguments),
                 arguments.compare ? &comparison_ : nullptr},
        fleet_(kubectl == nullptr ? std::make_unique<Fleet>(arguments, context_)
                                  : std::make_unique<Fleet>(arguments, beginning.chosen,
                                                            beginning.token, *kubectl, context_)) {
    loop_.add(signals_.fd(), EPOLLIN, *this);
  }

  ExitCode run() {
    while (!fleet_->over()) turn();
    return arguments_.url.empty() ? concludePods() : concludeUrl();
  }

 private:
  void onEvents(std::uint32_t) override {
    loop_.remove(signals_.fd());
    signals_.release();
    fleet_->stop();
  }

  void turn() {
    const bool more = fleet_->readOn();
    loop_.poll(more ? clock_.now() : std::min(fleet_->nextAt(), clock_.now() + kTick), clock_);
    fleet_->tend();
    Tally sum;
    for (const auto& session : fleet_->sessions()) sum.add(session->tally());
    const wire::Account& local = sum.local.connections;
    Progress progress{local.seen, local.open, sum.local.bytes, local.skipped, std::nullopt};
    if (arguments_.compare) progress.compared = comparison_.counts();
    display_.progress(progress);
  }

  ExitCode concludeUrl() {
    const Session& session = *fleet_->sessions().front();
    if (!session.refusal().empty()) throw ControlError(session.refusal());
    const LocalAccount local = session.tally().local;
    const ExitCode code = concludeComparison(session.code());
    display_.ended(session.report(), &local, code);
    return code;
  }

  ExitCode concludePods() {
    Tally sum;
    unsigned mirrored = 0;
    unsigned refused = 0;
    const Session* last = nullptr;
    bool brokenOff = false;
    for (const auto& session : fleet_->sessions()) {
      if (!session->refusal().empty()) {
        ++refused;
        continue;
      }
      ++mirrored;
      last = session.get();
      sum.add(session->tally());
      brokenOff = brokenOff || session->code() == ExitCode::kBrokenOff;
    }
    if (mirrored == 0) throw ClusterError(fleet_->sessions().front()->refusal());
    ExitCode code = sum.complete() && refused == 0 ? ExitCode::kDelivered : ExitCode::kIncomplete;
    if (brokenOff) code = ExitCode::kBrokenOff;
    for (const auto& session : fleet_->sessions()) {
      if (!session->refusal().empty()) continue;
      display_.podEnded(session->name(), session->tally(), mirrored > 1 ? session->verdict() : "");
    }
    std::string verdict =
        mirrored == 1 ? last->verdict() : sum.verdict(std::to_string(mirrored) + " pods");
    if (refused != 0) verdict += "; pods that could not be mirrored: " + std::to_string(refused);
    code = concludeComparison(code);
    display_.runEnded(sum, mirrored, refused, verdict, code);
    return code;
  }

  // Says what was compared. `code`: of the mirrors alone.
  ExitCode concludeComparison(ExitCode code) {
    if (!arguments_.compare) return code;
    const CompareCounts& counts = comparison_.counts();
    display_.compared(counts);
    if (code == ExitCode::kBrokenOff) return code;
    if (counts.different != 0) return ExitCode::kDifferent;
    return counts.complete() ? code : ExitCode::kIncomplete;
  }

  const Arguments& arguments_;
  Signals& signals_;
  EventLoop& loop_;
  Display& display_;
  const Clock& clock_;
  LocalPorts ports_;
  Comparison comparison_;
  const SessionContext context_;
  const std::unique_ptr<Fleet> fleet_;
};

}  // namespace

ExitCode mirrorPods(const Arguments& arguments, const Beginning& beginning, const Kubectl& kubectl,
                    Signals& signals, EventLoop& loop, Display& display, const Clock& clock) {
  return MirrorRun(arguments, beginning, &kubectl, signals, loop, display, clock).run();
}

ExitCode runMirror(const Arguments& arguments, const Kubectl* kubectl, Display& display,
                   const Clock& clock) {
  Signals signals;  // Before any thread.
  EventLoop loop;
  Arguments resolved = arguments;
  const Beginning beginning = begin(resolved, kubectl, loop, clock, signals, display);
  return MirrorRun(resolved, beginning, kubectl, signals, loop, display, clock).run();
}

}  // namespace dormouse::client
