#include "client/inquiry.h"

#include <algorithm>

namespace dormouse::client {
namespace {

constexpr Nanos kPause = std::chrono::milliseconds(300);

}  // namespace

Inquiry::Inquiry(const Pod& pod, const AgentWish& wish, const std::string& token, Question question,
                 Nanos patience, const Kubectl& kubectl, EventLoop& loop, const Clock& clock)
    : question_(std::move(question)),
      loop_(loop),
      clock_(clock),
      deadline_(clock.now() + patience),
      endpoint_(pod, wish, token, kubectl, loop, clock),
      openAt_(clock.now()) {}

void Inquiry::tend() {
  if (done()) return;
  if (task_) {
    if (task_->done()) take();
    return;
  }
  if (!opened_) {
    if (clock_.now() < openAt_) return;
    opened_ = true;
    endpoint_.open();
  }
  endpoint_.tend();
  switch (endpoint_.state()) {
    case Endpoint::State::kOpening:
      if (clock_.now() < deadline_) return;
      // What failed before tells more than that it takes long now.
      fail(lastTrouble_.empty() ? "kubectl port-forward does not come to listen" : lastTrouble_,
           true);
      return;
    case Endpoint::State::kOpen:
      return ask();
    case Endpoint::State::kFailed:
      return fail(endpoint_.trouble(), false);
    case Endpoint::State::kGone:
    case Endpoint::State::kUseless:
      return fail(endpoint_.trouble(), true);
  }
}

void Inquiry::ask() {
  std::shared_ptr<const ControlClient> control;
  try {
    control = endpoint_.client();
  } catch (const ControlError& error) {
    return fail(error.what(), true);
  }
  outcome_ = {};
  task_ = std::make_unique<BackgroundTask>(loop_, [this, control](const BackgroundTask&) {
    try {
      outcome_.answer = question_(*control);
    } catch (const ControlError& error) {
      outcome_.error = error.what();
      outcome_.status = error.status();
    } catch (const std::exception& error) {
      outcome_.error = error.what();
    }
  });
}

void Inquiry::take() {
  task_.reset();
  answer_ = outcome_.answer;
  if (answer_) return;
  std::string sentence = outcome_.error;
  if (outcome_.status == 0) {
    endpoint_.tend();
    if (const std::string said = endpoint_.trouble(); !said.empty()) {
      sentence += " (kubectl: " + said + ")";
    }
  }
  fail(sentence, outcome_.status != 0);
}

void Inquiry::fail(const std::string& sentence, bool forGood) {
  if (forGood || clock_.now() + kPause >= deadline_) {
    trouble_ = sentence.empty() ? "no answer" : sentence;
    return;
  }
  lastTrouble_ = sentence;
  opened_ = false;
  openAt_ = clock_.now() + kPause;
}

}  // namespace dormouse::client
