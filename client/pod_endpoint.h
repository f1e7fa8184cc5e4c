// The way to a pod's sidecar: through kubectl.
#pragma once

#include <memory>
#include <string>

#include "client/endpoint.h"
#include "client/pod.h"
#include "client/port_forward.h"

namespace dormouse::client {

/// Looks whether the pod is still there (not the first time), and forwards its control port.
class PodEndpoint final : public Endpoint {
 public:
  /// `pod`: as it was just seen. `kubectl`, `loop` and `clock` must outlive this.
  PodEndpoint(Pod pod, AgentWish wish, std::string token, const Kubectl& kubectl, EventLoop& loop,
              const Clock& clock);

  void open() override;
  void tend() override;
  State state() const override { return state_; }
  std::shared_ptr<const ControlClient> client() const override;
  std::string trouble() const override;
  bool reopens() const override { return true; }

 private:
  void look();
  void forward();
  void fail(State state, std::string sentence);

  Pod pod_;
  const AgentWish wish_;
  const std::string token_;
  const Kubectl& kubectl_;
  EventLoop& loop_;
  const Clock& clock_;
  State state_ = State::kFailed;
  bool fresh_ = true;  // pod_ was just seen.
  std::string trouble_;
  std::unique_ptr<KubectlCall> call_;  // Asking for the pod.
  std::unique_ptr<PortForward> forward_;
  TimePoint patientUntil_;
};

}  // namespace dormouse::client
