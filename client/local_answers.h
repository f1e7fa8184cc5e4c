// What the local program answers to the requests of one HTTP/2 connection.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "client/local_end.h"
#include "replay/http2_channel.h"

namespace dormouse::client {

/// Reads each connection to the program as the sidecar reads the pod's, so that both sides' answers
/// are understood alike; requests may be spread over several. Owned by a LocalHttp2; one thread.
class LocalAnswers final : public replay::Http2Watcher {
 public:
  /// Of answers that are coming in; above that they are given up.
  static constexpr std::size_t kMostHeld = 8 << 20;

  /// `connection`: as the stream calls it. REQUIRES: listener outlives this.
  LocalAnswers(std::uint64_t connection, LocalEndListener& listener);
  ~LocalAnswers() override;

  void onBegun(const replay::Http2Leg& leg, const replay::Http2Request& request) override;
  void onReceived(const replay::Http2Leg& leg, std::span<const std::uint8_t> bytes) override;
  void onGone(const replay::Http2Leg& leg) override;

 private:
  class Leg;

  const std::uint64_t connection_;
  LocalEndListener& listener_;
  std::map<const replay::Http2Leg*, std::unique_ptr<Leg>> legs_;
};

}  // namespace dormouse::client
