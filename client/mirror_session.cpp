#include "client/mirror_session.h"

#include <Poco/Exception.h>
#include <sys/epoll.h>

#include <algorithm>
#include <set>

#include "client/cluster.h"
#include "client/pod_endpoint.h"
#include "client/pods.h"
#include "client/session.h"
#include "client/signals.h"

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

class MirrorRun final : private EventHandler {
 public:
  MirrorRun(const Arguments& arguments, const Kubectl* kubectl, Display& display,
            const Clock& clock)
      : arguments_(arguments),
        kubectl_(kubectl),
        display_(display),
        clock_(clock),
        ports_(targetsOf(arguments), arguments.bufferBytes,
               [&display](const std::string& sentence) { display.notice(sentence); }),
        context_{ports_, loop_, clock_, display_, pairsText(arguments)} {
    if (kubectl_ == nullptr) {
      const auto client = std::make_shared<ControlClient>(
          arguments.url, arguments.token,
          TlsOptions{arguments.caFile, arguments.insecureSkipTlsVerify});
      sessions_.push_back(std::make_unique<Session>("", std::make_unique<UrlEndpoint>(client),
                                                    arguments.spec, false, context_));
    } else {
      findPods();
    }
    loop_.add(signals_.fd(), EPOLLIN, *this);
  }

  ExitCode run() {
    while (!over()) turn();
    return kubectl_ == nullptr ? concludeUrl() : concludePods();
  }

 private:
  void onEvents(std::uint32_t) override {
    loop_.remove(signals_.fd());
    signals_.release();
    for (const auto& session : sessions_) session->stop();
  }

  void findPods() {
    const Cluster cluster(
        *kubectl_, loop_, clock_, [this] { return signals_.pending(); },
        [this](const std::string& sentence) { display_.notice(sentence); });
    const ChosenPods chosen = choosePods(cluster, arguments_.target);
    token_ = arguments_.token.empty() ? cluster.token(arguments_.secret, arguments_.as)
                                      : arguments_.token;
    for (const Pod& pod : chosen.pods) addPod(pod, false);
  }

  void addPod(const Pod& pod, bool patient) {
    sessions_.push_back(std::make_unique<Session>(
        "pod/" + pod.name,
        std::make_unique<PodEndpoint>(pod, arguments_.agent, token_, *kubectl_, loop_, clock_),
        arguments_.spec, patient, context_));
  }

  bool over() const {
    return std::all_of(sessions_.begin(), sessions_.end(),
                       [](const auto& session) { return session->over(); });
  }

  void turn() {
    bool more = false;
    TimePoint until = clock_.now() + kTick;
    for (const auto& session : sessions_) {
      more = session->readOn() || more;
      until = std::min(until, session->nextAt());
    }
    loop_.poll(more ? clock_.now() : until, clock_);
    Tally sum;
    for (const auto& session : sessions_) {
      session->tend();
      sum.add(session->tally());
    }
    const wire::Account& local = sum.local.connections;
    display_.progress({local.seen, local.open, sum.local.bytes, local.skipped});
  }

  ExitCode concludeUrl() {
    const Session& session = *sessions_.front();
    if (!session.refusal().empty()) throw ControlError(session.refusal());
    const LocalAccount local = session.tally().local;
    display_.ended(session.report(), &local, session.code());
    return session.code();
  }

  ExitCode concludePods() {
    Tally sum;
    unsigned mirrored = 0;
    unsigned refused = 0;
    const Session* last = nullptr;
    bool brokenOff = false;
    for (const auto& session : sessions_) {
      if (!session->refusal().empty()) {
        ++refused;
        if (sessions_.size() > 1) display_.notice(session->name() + ": " + session->refusal());
        continue;
      }
      ++mirrored;
      last = session.get();
      sum.add(session->tally());
      brokenOff = brokenOff || session->code() == ExitCode::kBrokenOff;
    }
    if (mirrored == 0) throw ClusterError(sessions_.front()->refusal());
    ExitCode code = sum.complete() && refused == 0 ? ExitCode::kDelivered : ExitCode::kIncomplete;
    if (brokenOff) code = ExitCode::kBrokenOff;
    for (const auto& session : sessions_) {
      if (!session->refusal().empty()) continue;
      display_.podEnded(session->name(), session->tally(), mirrored > 1 ? verdictOf(*session) : "");
    }
    std::string verdict =
        mirrored == 1 ? verdictOf(*last) : sum.verdict(std::to_string(mirrored) + " pods");
    if (refused != 0) verdict += "; pods that could not be mirrored: " + std::to_string(refused);
    display_.runEnded(sum, mirrored, refused, verdict, code);
    return code;
  }

  // The sidecar's own, which explains most, if it is about everything there is.
  static std::string verdictOf(const Session& session) {
    const Tally tally = session.tally();
    const bool plain = tally.mirrors == 1 && tally.interruptions == 0 && session.report() &&
                       complete(tally.local.connections);
    return plain ? session.report()->verdict : tally.verdict("");
  }

  const Arguments& arguments_;
  const Kubectl* kubectl_;
  Display& display_;
  const Clock& clock_;
  Signals signals_;  // Before any thread.
  EventLoop loop_;
  LocalPorts ports_;
  SessionContext context_;
  std::string token_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace

ExitCode runMirror(const Arguments& arguments, const Kubectl* kubectl, Display& display,
                   const Clock& clock) {
  return MirrorRun(arguments, kubectl, display, clock).run();
}

}  // namespace dormouse::client
