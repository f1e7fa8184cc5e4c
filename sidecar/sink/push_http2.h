// One mirrored HTTP/2 connection, replayed to the target.
#pragma once

#include "replay/http2_channel.h"
#include "sink/push_link.h"

namespace dormouse::sink {

/// See PushLink, and Http2Channel for when it connects and what becomes of its requests. What a
/// connection's end does to requests that are not answered yet: they have until the linger time.
class PushHttp2 final : public PushLink,
                        private replay::Http2ChannelOwner,
                        private replay::Http2Memory {
 public:
  /// REQUIRES: context and what it refers to outlive the link.
  PushHttp2(const PushContext& context, mirror::ConnectionHandle handle);

  /// It connects by itself.
  int connect(const Endpoint&) override { return 0; }
  /// HTTP/2 has no bytes apart from its requests.
  Reason write(std::span<const std::uint8_t>) override { return Reason::kNone; }
  Reason beginRequest(std::uint32_t number, const mirror::RequestInfo& request) override;
  Reason requestBody(std::uint32_t number, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override;
  void endRequest(std::uint32_t number, std::span<const http::HeaderField> trailers) override;
  void cancelRequest(std::uint32_t number) override { channel_.cancel(number); }
  std::optional<Reason> flush() override;
  std::vector<RequestFate> takeFates() override { return channel_.takeFates(); }
  std::vector<std::uint32_t> takeOpen() override { return channel_.undelivered(); }
  std::optional<Reason> end() override;
  std::optional<Reason> expire() override;
  Reason settleNow() override;
  bool failureTold() const override { return true; }

 private:
  std::optional<Endpoint> nextEndpoint() override { return context_.owner.nextEndpoint(); }
  void onNotTaken(const Endpoint& peer, int error) override;
  void onBytesWritten(std::size_t) override {}
  void onChannelEvent() override;
  bool take(std::size_t bytes) override { return context_.budget.take(bytes); }
  void give(std::size_t bytes) override { context_.budget.give(bytes); }

  const PushContext& context_;
  const mirror::ConnectionHandle handle_;
  bool ended_ = false;  // end() was called.
  replay::Http2Channel channel_;
};

}  // namespace dormouse::sink
