// A mirrored UDP flow's copy: one connected socket to the local program.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include "client/local_end.h"
#include "common/event_loop.h"

namespace dormouse::client {

/// Datagrams are sent at once, never held: what the local program's own receive buffer cannot take
/// is lost, as with any UDP, and nobody is told. A port where nobody listens is noticed (ICMP); the
/// flow then counts as refused, but later datagrams are still sent.
class LocalUdp final : public LocalEnd, private EventHandler {
 public:
  /// As LocalConnection's.
  LocalUdp(std::uint64_t connection, const Poco::Net::SocketAddress& to, EventLoop& loop,
           LocalEndListener& listener);
  ~LocalUdp() override;
  LocalUdp(const LocalUdp&) = delete;
  LocalUdp& operator=(const LocalUdp&) = delete;

  void write(std::span<const std::uint8_t> bytes) override;
  void finish() override;
  void cut(Reason reason) override;
  void giveUp(Reason reason) override;
  void onTime(TimePoint, Nanos) override {}  // Nothing here waits.

 private:
  void onEvents(std::uint32_t events) override;
  void noteError(int error);
  void settle(Reason fate);

  const std::uint64_t connection_;
  EventLoop& loop_;
  LocalEndListener& listener_;
  int fd_ = -1;
  bool done_ = false;
  Reason trouble_ = Reason::kNone;  // The flow's fate so far.
};

}  // namespace dormouse::client
