// One `kubectl port-forward`: a port of this machine that leads to a pod's loopback.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/kubectl.h"

namespace dormouse::client {

/// The local port that this line announces, 0 if it is none for 127.0.0.1 and `remote`: "Forwarding
/// from 127.0.0.1:40123 -> 4747".
std::uint16_t forwardedPort(std::string_view line, std::uint16_t remote);

/// Lives as long as the forwarding is wanted. Ask it after each round of the loop. One thread only.
class PortForward final : private ChildListener {
 public:
  /// `pod`: a name. The local port is the kernel's choice. Throws std::system_error if kubectl
  /// cannot be started.
  PortForward(const Kubectl& kubectl, const std::string& pod, std::uint16_t remote,
              EventLoop& loop);

  /// 0 until kubectl listens.
  std::uint16_t localPort() const { return localPort_; }
  bool ended() const { return ended_; }
  /// What kubectl said last on standard error; empty if nothing. Printable.
  std::string trouble() const { return sentenceOf(err_); }

 private:
  void onOutput(std::string_view bytes) override;
  void onErrorOutput(std::string_view bytes) override;
  void onExit(int) override { ended_ = true; }

  const std::uint16_t remote_;
  std::uint16_t localPort_ = 0;
  bool ended_ = false;
  std::string line_;    // Begun, not complete.
  std::string err_;     // The latest of its standard error.
  ChildProcess child_;  // Last: it calls the others.
};

}  // namespace dormouse::client
