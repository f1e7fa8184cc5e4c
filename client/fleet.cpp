#include "client/fleet.h"

#include <algorithm>

#include "client/pod_endpoint.h"

namespace dormouse::client {
namespace {

// Mirrors that were woken together end by their time together, give or take this.
constexpr Nanos kTogether = std::chrono::seconds(5);

TimePoint deadlineOf(const wire::MirrorSpec& spec, const Clock& clock) {
  return spec.ttl.count() == 0 ? TimePoint::max() : clock.now() + spec.ttl;
}

}  // namespace

Fleet::Fleet(const Arguments& arguments, const SessionContext& context)
    : arguments_(arguments),
      context_(context),
      deadline_(deadlineOf(arguments.spec, context.clock)) {
  auto client = std::make_shared<ControlClient>(
      arguments.url, arguments.token,
      TlsOptions{arguments.caFile, arguments.insecureSkipTlsVerify});
  sessions_.push_back(std::make_unique<Session>(
      "", std::make_unique<UrlEndpoint>(std::move(client)), arguments.spec, false, context_));
}

Fleet::Fleet(const Arguments& arguments, const ChosenPods& chosen, std::string token,
             const Kubectl& kubectl, const SessionContext& context)
    : arguments_(arguments),
      context_(context),
      kubectl_(&kubectl),
      token_(std::move(token)),
      deadline_(deadlineOf(arguments.spec, context.clock)) {
  if (chosen.selector.empty()) {
    add(chosen.pods.at(0));
    return;
  }
  for (const Pod& pod : chosen.pods) note({false, pod, false});
  if (waiting_.empty()) throw ClusterError(nothingRuns(arguments.target, chosen.pods));
  fill();
  if (sessions_.empty()) throw ClusterError(noneAnswers());
  watch_ = std::make_unique<PodWatch>(
      kubectl, chosen.selector, context_.loop, context_.clock,
      [this](const std::string& sentence) { context_.display.notice(sentence); });
}

// Pods run, and what keeps each from being mirrored is said, of a few.
std::string Fleet::noneAnswers() const {
  constexpr std::size_t kMostNamed = 3;
  std::string sentence = "no pod of " + arguments_.target.text() + " can be mirrored: ";
  std::size_t named = 0;
  for (const auto& [uid, pod] : waiting_) {
    if (named == kMostNamed) break;
    try {
      controlPortOf(pod, arguments_.agent, kubectl_->typedOptions());
    } catch (const ObjectError& error) {
      sentence += (named++ == 0 ? "" : "; ") + std::string(error.what());
    }
  }
  const std::size_t more = waiting_.size() - named;
  return more == 0 ? sentence : sentence + "; and so on for " + std::to_string(more) + " more";
}

void Fleet::note(const PodEvent& event) {
  if (event.first) waiting_.clear();
  if (event.deleted || !event.pod.running()) {
    waiting_.erase(event.pod.uid);
    const auto mirrored = taken_.find(event.pod.uid);
    if (mirrored != taken_.end() && (event.deleted || event.pod.leaving)) {
      mirrored->second->noteLeaving();
    }
  } else if (taken_.count(event.pod.uid) == 0) {
    waiting_[event.pod.uid] = event.pod;
  }
}

void Fleet::fill() {
  std::size_t free = arguments_.maxPods - std::min(arguments_.maxPods, living());
  for (auto pod = waiting_.begin(); pod != waiting_.end() && free > 0;) {
    // Its container may still be starting; another event comes.
    if (!agentMayAnswer(pod->second, arguments_.agent)) {
      ++pod;
      continue;
    }
    add(pod->second);
    pod = waiting_.erase(pod);
    --free;
  }
  if (free > 0 || waiting_.empty() || std::exchange(crowdAnnounced_, true)) return;
  context_.display.notice(arguments_.target.text() + " has more pods than are mirrored: " +
                          std::to_string(arguments_.maxPods) + " (--max-pods)");
}

void Fleet::add(const Pod& pod) {
  sessions_.push_back(std::make_unique<Session>(
      "pod/" + pod.name,
      std::make_unique<PodEndpoint>(pod, arguments_.agent, token_, *kubectl_, context_.loop,
                                    context_.clock),
      specForNow(), arguments_.target.kind != Kind::kPod, context_));
  taken_.emplace(pod.uid, sessions_.back().get());
}

// A pod that comes later ends with the others.
wire::MirrorSpec Fleet::specForNow() const {
  wire::MirrorSpec spec = arguments_.spec;
  if (deadline_ != TimePoint::max()) {
    spec.ttl = std::max(std::chrono::seconds(1),
                        std::chrono::ceil<std::chrono::seconds>(deadline_ - context_.clock.now()));
  }
  return spec;
}

bool Fleet::readOn() {
  bool more = false;
  for (const auto& session : sessions_) more = session->readOn() || more;
  return more;
}

void Fleet::tend() {
  for (const auto& session : sessions_) {
    if (session->over()) continue;
    session->tend();
    if (session->expired()) deadline_ = std::min(deadline_, context_.clock.now());
    if (!session->over()) continue;
    lastWasGone_ = session->gone();
    if (watch_ && !session->refusal().empty()) {
      context_.display.notice("not mirrored: " + session->refusal());
    }
  }
  if (!watch_ || stopping_) return;
  if (context_.clock.now() - kTogether >= deadline_) endRest();
  if (context_.clock.now() >= deadline_) return;
  watch_->tend();
  for (const PodEvent& event : watch_->take()) note(event);
  fill();
  const bool alone = living() == 0 && !over();
  if (alone && !aloneAnnounced_) {
    context_.display.notice("no pod of " + arguments_.target.text() +
                            " is left; waiting for the next one (Ctrl-C ends)");
  }
  aloneAnnounced_ = alone;
}

// Mirrors that were woken later than the first that ended by its time.
void Fleet::endRest() {
  if (std::exchange(restEnded_, true)) return;
  for (const auto& session : sessions_) {
    if (session->concluding()) continue;
    context_.display.notice(session->name() + ": ended with the first mirror whose time was over");
    session->stop();
  }
}

void Fleet::stop() {
  stopping_ = true;
  watch_.reset();
  for (const auto& session : sessions_) session->stop();
}

TimePoint Fleet::nextAt() const {
  TimePoint next = TimePoint::max();
  for (const auto& session : sessions_) {
    if (!session->over()) next = std::min(next, session->nextAt());
  }
  return next;
}

std::size_t Fleet::living() const {
  return static_cast<std::size_t>(std::count_if(
      sessions_.begin(), sessions_.end(), [](const auto& session) { return !session->over(); }));
}

bool Fleet::over() const {
  if (living() != 0) return false;
  return stopping_ || !watch_ || !lastWasGone_ || context_.clock.now() >= deadline_;
}

}  // namespace dormouse::client
