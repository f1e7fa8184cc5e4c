// One mirrored UDP flow, copied to the target.
#pragma once

#include "common/outgoing_socket.h"
#include "sink/push_link.h"

namespace dormouse::sink {

/// See PushLink. One send for each datagram, nothing is queued: a send that would block sheds the
/// flow (kOverBudget). An ICMP error that arrives before the flow's end makes it kSinkRefused; UDP
/// itself tells of no other loss. Answers are thrown away.
class PushFlow final : public PushLink, private EventHandler {
 public:
  /// REQUIRES: context and what it refers to outlive the flow.
  PushFlow(const PushContext& context, mirror::ConnectionHandle handle);

  int connect(const Endpoint& to) override;
  Reason write(std::span<const std::uint8_t> bytes) override;
  // UDP has no requests.
  void endRequest(std::uint32_t, std::span<const http::HeaderField>) override {}
  std::vector<RequestFate> takeFates() override { return {}; }
  std::vector<std::uint32_t> takeOpen() override { return {}; }
  std::optional<Reason> end() override;
  std::optional<Reason> expire() override { return std::nullopt; }
  Reason settleNow() override { return Reason::kMirrorEnded; }

 private:
  void onEvents(std::uint32_t events) override;

  const PushContext& context_;
  const mirror::ConnectionHandle handle_;
  OutgoingSocket socket_;
};

}  // namespace dormouse::sink
