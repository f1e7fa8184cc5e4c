// One mirrored TCP connection, copied to the target.
#pragma once

#include <sys/types.h>

#include <deque>

#include "common/outgoing_socket.h"
#include "sink/byte_queue.h"
#include "sink/push_link.h"

namespace dormouse::sink {

/// See PushLink. What a batch brings is sent by one call at its end, unless it is much. Answers are
/// read and thrown away, small ones many at a time.
///
/// The fate: kSinkRefused if it never got through. kSinkClosed if the other end is gone before
/// everything was written. Delivered (kNone) if, after our FIN, everything including the FIN is
/// acknowledged by the time the other side closes, resets, or the linger time is over. That the
/// other side ends its own direction early means nothing: it may go on reading.
class PushConnection final : public PushLink, private EventHandler {
 public:
  /// REQUIRES: context and what it refers to outlive the connection.
  PushConnection(const PushContext& context, mirror::ConnectionHandle handle);

  int connect(const Endpoint& to) override;
  Reason write(std::span<const std::uint8_t> bytes) override;
  std::optional<Reason> flush() override;
  void endRequest(std::uint32_t number, std::span<const http::HeaderField>) override {
    marks_.push_back({queue_.appended(), number});
  }
  std::vector<RequestFate> takeFates() override;
  std::vector<std::uint32_t> takeOpen() override;
  std::optional<Reason> end() override;
  std::optional<Reason> expire() override;
  Reason settleNow() override;

 private:
  enum class State : std::uint8_t {
    kConnecting,  // connect()
    kOpen,        // The handshake is done; bytes are written.
    kLingering,   // Our FIN is sent: the original has ended and the queue is empty.
  };

  /// Where a request ends, as queue_ counts.
  struct Mark {
    std::uint64_t end;
    std::uint32_t number;
  };

  void onEvents(std::uint32_t events) override;
  std::optional<Reason> handle(std::uint32_t events);
  /// What a reset, the other side's end or the end of patience means once our FIN is sent.
  Reason verdict();
  /// Whether the socket may take something.
  bool canSend() const { return state_ == State::kOpen && !blocked_; }
  /// Whether so many bytes more are to wait for the batch's end.
  bool gathers(std::size_t bytes) const;
  /// How many the socket has taken, perhaps none; negative: it failed, error_ says how.
  ssize_t send(std::span<const std::uint8_t> bytes);
  std::optional<Reason> writeQueue();
  std::optional<Reason> sendFin();
  /// As recv(2).
  ssize_t readAnswers();
  std::optional<Reason> discardAnswers();
  void updateWatch();

  const PushContext& context_;
  const mirror::ConnectionHandle handle_;
  State state_ = State::kConnecting;
  bool ended_ = false;      // end() was called.
  bool peerEnded_ = false;  // The other side's FIN is read.
  bool blocked_ = false;    // The last send would have blocked; EPOLLOUT is asked for.
  ByteQueue queue_;
  std::deque<Mark> marks_;
  OutgoingSocket socket_;
};

}  // namespace dormouse::sink
