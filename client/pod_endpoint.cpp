#include "client/pod_endpoint.h"

#include <system_error>

#include "client/cluster.h"

namespace dormouse::client {
namespace {

// From the start of port-forward to the line that it listens; a log-in may come in between.
constexpr Nanos kForwardTime = std::chrono::seconds(60);

}  // namespace

PodEndpoint::PodEndpoint(Pod pod, AgentWish wish, std::string token, const Kubectl& kubectl,
                         EventLoop& loop, const Clock& clock)
    : pod_(std::move(pod)),
      wish_(std::move(wish)),
      token_(std::move(token)),
      kubectl_(kubectl),
      loop_(loop),
      clock_(clock) {}

void PodEndpoint::open() {
  forward_.reset();
  call_.reset();
  trouble_.clear();
  state_ = State::kOpening;
  if (std::exchange(fresh_, false)) return forward();
  try {
    call_ = std::make_unique<KubectlCall>(
        kubectl_,
        std::vector<std::string>{"get", "pod", pod_.name, "--output=json", kRequestTimeout}, loop_);
  } catch (const std::system_error& error) {
    fail(State::kFailed, std::string("kubectl cannot be started: ") + error.what());
  }
}

void PodEndpoint::tend() {
  if (state_ == State::kOpen && forward_->ended()) return fail(State::kFailed, trouble());
  if (state_ != State::kOpening) return;
  if (call_) {
    if (call_->done()) look();
  } else if (forward_->localPort() != 0) {
    state_ = State::kOpen;
  } else if (forward_->ended()) {
    const std::string said = forward_->trouble();
    fail(State::kFailed,
         "pod/" + pod_.name + ": kubectl port-forward: " + (said.empty() ? "it ended" : said));
  } else if (clock_.now() >= patientUntil_) {
    fail(State::kFailed, "pod/" + pod_.name + ": kubectl port-forward does not come to listen");
  }
}

void PodEndpoint::look() {
  const auto call = std::move(call_);
  const std::string uid = pod_.uid;
  if (call->notFound()) return fail(State::kGone, "pod/" + pod_.name + " is gone");
  try {
    pod_ = podFromJson(*objectFromText(call->output()));
  } catch (const std::runtime_error& error) {  // ClusterError, ObjectError
    return fail(State::kFailed, error.what());
  }
  if (pod_.uid != uid) return fail(State::kGone, "pod/" + pod_.name + " was replaced");
  if (pod_.phase == "Succeeded" || pod_.phase == "Failed") {
    return fail(State::kGone, "pod/" + pod_.name + " has ended: its phase is " + pod_.phase);
  }
  if (pod_.leaving) return fail(State::kGone, "pod/" + pod_.name + " is being deleted");
  forward();
}

void PodEndpoint::forward() {
  try {
    const std::uint16_t port = controlPortOf(pod_, wish_, kubectl_.typedOptions());
    forward_ = std::make_unique<PortForward>(kubectl_, pod_.name, port, loop_);
    patientUntil_ = clock_.now() + kForwardTime;
  } catch (const NoAgentError& error) {
    fail(State::kUseless, error.what());
  } catch (const ObjectError& error) {
    fail(State::kFailed, error.what());
  } catch (const std::system_error& error) {
    fail(State::kFailed, std::string("kubectl cannot be started: ") + error.what());
  }
}

void PodEndpoint::fail(State state, std::string sentence) {
  state_ = state;
  trouble_ = std::move(sentence);
  forward_.reset();
}

std::shared_ptr<const ControlClient> PodEndpoint::client() const {
  return std::make_shared<ControlClient>(
      "http://127.0.0.1:" + std::to_string(forward_->localPort()), token_, TlsOptions{});
}

std::string PodEndpoint::trouble() const {
  return forward_ ? forward_->trouble() : trouble_;
}

}  // namespace dormouse::client
