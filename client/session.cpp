#include "client/session.h"

#include <algorithm>
#include <utility>

namespace dormouse::client {
namespace {

constexpr Nanos kFirstRetry = std::chrono::milliseconds(500);
constexpr Nanos kLongestRetry = std::chrono::seconds(15);
constexpr Nanos kWorked = std::chrono::seconds(30);  // A mirror that lived so long did work.
constexpr Nanos kMostAway = std::chrono::minutes(5);
constexpr Nanos kTick = std::chrono::milliseconds(200);

TimePoint deadlineOf(const wire::MirrorSpec& spec, TimePoint now) {
  return spec.ttl.count() == 0 ? TimePoint::max() : now + spec.ttl;
}

// Refusals that may pass: too many mirrors, too many wrong tokens, no room. Others do not.
bool mayPass(int status) {
  return status == 0 || status == 408 || status == 409 || status == 429 || status >= 500;
}

// The mirror ended as somebody wished, and is not to be woken anew.
bool endedByWish(const Report& report) {
  return report.endedBecause.empty() || report.endedBecause == "deleted" ||
         report.endedBecause == "ttl";
}

}  // namespace

Session::Session(std::string name, std::unique_ptr<Endpoint> endpoint, wire::MirrorSpec spec,
                 bool patient, const SessionContext& context)
    : name_(std::move(name)),
      endpoint_(std::move(endpoint)),
      spec_(std::move(spec)),
      patient_(patient),
      context_(context),
      begunAt_(context.clock.now()),
      deadline_(deadlineOf(spec_, begunAt_)) {
  endpoint_->open();
}

Session::~Session() = default;

bool Session::readOn() {
  return mirror_ && mirror_->readOn();
}

void Session::tend() {
  for (const auto& mirror : draining_) mirror->tend();
  for (auto mirror = draining_.begin(); mirror != draining_.end();) {
    if (!(*mirror)->settled()) {
      ++mirror;
      continue;
    }
    tally_.local.add((*mirror)->account());
    mirror = draining_.erase(mirror);
  }
  if (endpoint_) endpoint_->tend();
  switch (state_) {
    case State::kReaching:
      return tendReaching();
    case State::kWaking:
      return tendWaking();
    case State::kMirroring:
      return tendMirroring();
    case State::kAway:
      if (now() >= deadline_) return conclude();
      if (now() < retryAt_) return;
      state_ = State::kReaching;
      return endpoint_->open();
    case State::kConcluding:
      return tendConcluding();
    case State::kOver:
      return;
  }
}

void Session::tendReaching() {
  switch (endpoint_->state()) {
    case Endpoint::State::kOpening:
      if (now() >= deadline_)
        fail("the time of the mirror is over before its sidecar is reached", true);
      return;
    case Endpoint::State::kOpen:
      return wake();
    case Endpoint::State::kGone:
      gone_ = true;
      return fail(endpoint_->trouble(), true);
    case Endpoint::State::kUseless:
      return fail(endpoint_->trouble(), true);
    case Endpoint::State::kFailed:
      return fail(endpoint_->trouble(), false);
  }
}

void Session::wake() {
  state_ = State::kWaking;
  answer_ = {};
  if (deadline_ != TimePoint::max()) {
    // What is left of it, rounded up.
    spec_.ttl = std::max(std::chrono::seconds(1),
                         std::chrono::ceil<std::chrono::seconds>(deadline_ - now()));
  }
  try {
    control_ = endpoint_->client();
  } catch (const ControlError& error) {
    return fail(error.what(), true);
  }
  task_ = std::make_unique<BackgroundTask>(context_.loop, [this](const BackgroundTask& task) {
    try {
      if (!unresolved_.empty()) settleBroken();
      answer_.stream = control_->openStream(spec_, [&task] { return task.cancelled(); });
    } catch (const ControlError& error) {
      answer_.error = error.what();
      answer_.status = error.status();
    } catch (const std::exception& error) {
      answer_.error = error.what();
    }
  });
}

// On the task's thread. Ends the broken mirror, should the sidecar still think that it lives, and
// learns what became of it.
void Session::settleBroken() {
  try {
    answer_.broken = control_->remove(unresolved_);
  } catch (const ControlError& error) {
    if (error.status() == 0) throw;
    answer_.brokenLost = true;
  }
}

void Session::tendWaking() {
  if (!task_->done()) return;
  task_.reset();
  takeBroken();
  if (answer_.stream) return begin(std::move(*answer_.stream));
  std::string sentence = answer_.error;
  if (answer_.status == 0) {
    // What kubectl says tells more than the silence of the port that it forwards.
    endpoint_->tend();
    if (const std::string trouble = endpoint_->trouble(); !trouble.empty()) {
      sentence += " (kubectl: " + trouble + ")";
    }
  }
  fail(sentence, !mayPass(answer_.status));
}

void Session::takeBroken() {
  if (unresolved_.empty() || (!answer_.broken && !answer_.brokenLost)) return;
  // Taken away, lest it be told again of a mirror that breaks off later.
  account(std::exchange(answer_.broken, std::nullopt));
  answer_.brokenLost = false;
  unresolved_.clear();
}

void Session::begin(OpenedStream stream) {
  if (awaySince_) {
    const Nanos span = now() - *awaySince_;
    tally_.away += span;
    notice("mirrored again; what came in " + formatSpan(span) + " was not seen");
    awaySince_.reset();
  }
  mirrorAt_ = now();
  refusal_.clear();
  ++tally_.mirrors;
  context_.display.started(name_, stream.mirror, context_.what);
  std::unique_ptr<ResponseMatcher> matcher;
  if (context_.comparison != nullptr) {
    matcher = std::make_unique<ResponseMatcher>(name_, *context_.comparison);
  }
  mirror_ = std::make_unique<StreamMirror>(std::move(stream), control_, context_.ports,
                                           context_.loop, context_.clock, std::move(matcher));
  state_ = State::kMirroring;
}

void Session::tendMirroring() {
  mirror_->tend();
  if (mirror_->streamOver()) streamEnded();
}

void Session::streamEnded() {
  const std::optional<Report>& ledger = mirror_->ledger();
  if (ledger) account(ledger);
  unresolved_ = ledger ? "" : mirror_->id();
  broken_ = !ledger;
  if (ledger && !stopping_ && !name_.empty() && endedByWish(*ledger) &&
      !ledger->endedBecause.empty()) {
    notice("the sidecar ended the mirror (" + ledger->endedBecause + ")");
  }
  expired_ = ledger && ledger->endedBecause == "ttl";
  const bool wished = stopping_ || (ledger && endedByWish(*ledger));
  if (ledger && leaving_ && !wished) {
    gone_ = true;
    notice("the sidecar ended the mirror (" + ledger->endedBecause +
           "), because its pod is being deleted");
  }
  if (wished || gone_ || !endpoint_->reopens() || now() >= deadline_) return conclude();
  std::string sentence = "the stream broke off";
  if (ledger) sentence = "the sidecar ended the mirror (" + ledger->endedBecause + ")";
  if (!mirror_->streamError().empty()) sentence += ": " + mirror_->streamError();
  endpoint_->tend();
  if (const std::string trouble = endpoint_->trouble(); !trouble.empty()) {
    sentence += " (kubectl: " + trouble + ")";
  }
  awaySince_ = mirror_->livedUntil();
  draining_.push_back(std::move(mirror_));
  if (*awaySince_ - mirrorAt_ >= kWorked) tries_ = 0;
  ++tally_.interruptions;
  goAway(sentence + "; reconnecting");
}

void Session::fail(const std::string& sentence, bool forGood) {
  const bool first = tally_.mirrors == 0;
  if (first) refusal_ = sentence;
  const bool late = now() - awaySince_.value_or(begunAt_) >= kMostAway;
  if (forGood || stopping_ || late || now() >= deadline_ || !endpoint_->reopens() ||
      (first && !patient_)) {
    if (!first) notice(late ? sentence + "; given up" : sentence);
    return conclude();
  }
  goAway(tries_ == 0 ? sentence + "; trying again" : "");
}

void Session::goAway(const std::string& sentence) {
  if (!sentence.empty()) notice(sentence);
  const Nanos wait = std::min(kLongestRetry, kFirstRetry * (1U << std::min(tries_, 5U)));
  ++tries_;
  retryAt_ = now() + wait;
  state_ = State::kAway;
}

// No other mirror follows.
void Session::conclude() {
  if (awaySince_) {
    // A pod that went, and whose sidecar had ended the mirror in order, has missed nothing.
    if ((gone_ || leaving_) && !broken_) {
      --tally_.interruptions;
    } else {
      tally_.away += now() - *awaySince_;
    }
    awaySince_.reset();
  }
  state_ = State::kConcluding;
  if (mirror_ && !mirror_->idle() && !stopping_) {
    notice("the stream has ended; local connections get the rest (Ctrl-C: give up)");
  }
  if (unresolved_.empty() || stopping_ || endpoint_->reopens()) return tendConcluding();
  // The stream did not bring its ledger; perhaps the sidecar lives and tells.
  answer_ = {};
  task_ = std::make_unique<BackgroundTask>(context_.loop, [this](const BackgroundTask&) {
    try {
      answer_.broken = control_->find(unresolved_);
    } catch (const std::exception& error) {
      answer_.error = error.what();
    }
  });
}

void Session::tendConcluding() {
  if (mirror_) mirror_->tend();
  if ((task_ && !task_->done()) || (mirror_ && !mirror_->answered())) return;
  task_.reset();
  if (!unresolved_.empty()) {
    std::optional<Report> report = answer_.broken;
    std::string error = answer_.error;
    if (mirror_) {
      const std::string& why = mirror_->streamError();
      notice("the stream broke off without a ledger" + (why.empty() ? "" : ": " + why));
      if (mirror_->removed()) report = mirror_->removed();
      if (error.empty()) error = mirror_->removeError();
    }
    if (!report && !error.empty()) notice(error);
    account(report);
    unresolved_.clear();
  }
  if (mirror_) draining_.push_back(std::move(mirror_));
  state_ = State::kOver;
  // Local programs may take long for the rest, for which the sidecar is not needed.
  endpoint_.reset();
}

// `report` is of a mirror that has ended, or should have.
void Session::account(const std::optional<Report>& report) {
  if (!report) {
    ++tally_.unaccounted;
    return;
  }
  add(tally_.ledger, report->ledger);
  report_ = report;
}

void Session::stop() {
  for (const auto& mirror : draining_) mirror->stop();
  stopping_ = true;
  switch (state_) {
    case State::kReaching:
    case State::kWaking:
    case State::kAway:
      task_.reset();  // Cancels, and waits for it.
      takeBroken();
      if (tally_.mirrors == 0) refusal_ = "stopped before the sidecar answered";
      return conclude();
    case State::kMirroring:
    case State::kConcluding:
      if (mirror_) mirror_->stop();
      return;
    case State::kOver:
      return;
  }
}

TimePoint Session::nextAt() const {
  TimePoint next = context_.clock.now() + kTick;
  if (state_ == State::kAway) next = std::min(next, retryAt_);
  if (mirror_) next = std::min(next, mirror_->nextAt());
  return next;
}

Tally Session::tally() const {
  Tally sum = tally_;
  for (const auto& mirror : draining_) sum.local.add(mirror->account());
  if (mirror_) sum.local.add(mirror_->account());
  return sum;
}

ExitCode Session::code() const {
  if (tally_.mirrors == 0) return ExitCode::kRefused;
  if (broken_ || tally_.unaccounted != 0) return ExitCode::kBrokenOff;
  return tally().complete() ? ExitCode::kDelivered : ExitCode::kIncomplete;
}

std::string Session::verdict() const {
  const Tally sum = tally();
  const bool plain = sum.mirrors == 1 && sum.interruptions == 0 && sum.local.complete();
  return plain && report_ ? report_->verdict : sum.verdict("");
}

void Session::notice(const std::string& sentence) {
  context_.display.notice(name_.empty() || sentence.starts_with(name_) ? sentence
                                                                       : name_ + ": " + sentence);
}

}  // namespace dormouse::client
