// One HTTP/2 connection to a program: socket and session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/ip.h"
#include "common/outgoing_socket.h"
#include "replay/http2_session.h"

namespace dormouse::replay {

/// Told by a leg.
class Http2LegOwner : public Http2SessionOwner {
 public:
  /// The socket has taken a request whole.
  virtual void onWritten(std::uint32_t number) = 0;
  virtual void onBytesWritten(std::size_t bytes) = 0;
  /// So many bytes of bodies, which onBodyTaken() had moved to the output, have left it.
  virtual void onOutputFree(std::size_t bytes) = 0;
  /// The program has sent these bytes, which the session has read.
  virtual void onReceived(Http2Leg& leg, std::span<const std::uint8_t> bytes) = 0;
  /// Something has happened to the leg. It may be destroyed within this call.
  virtual void onLegEvent(Http2Leg& leg) = 0;
};

/// Owned by an Http2Channel; the loop's thread only. Destroyed before it is over it goes by a
/// reset.
class Http2Leg final : private EventHandler {
 public:
  enum class State : std::uint8_t {
    kConnecting,  // connect()
    kOpen,        // The handshake is done.
    kOver,        // Both sides have said goodbye, or the program has, with no request unfinished.
    kRefused,     // It never got through, or the program does not speak HTTP/2; see error().
    kBroken,      // It is gone with requests unfinished; see error().
  };

  /// REQUIRES: all outlive the leg.
  Http2Leg(EventLoop& loop, LocalEnds* localEnds, Http2LegOwner& owner);

  /// Begins to connect; afterwards see state().
  void connect(const Endpoint& to, int sendBuffer);
  /// Writes what the session has to say, as far as the socket takes it.
  void pump();
  /// Accounts for bytes of bodies that have gone into the output.
  void charge(std::size_t bytes) { charge_ += bytes; }
  /// The bytes so charged that are still here; for whoever destroys the leg.
  std::size_t takeCharge() { return std::exchange(charge_, 0); }
  /// That request ends with what the session has produced so far.
  void markSent(std::uint32_t number) { marks_.push_back({produced(), number}); }
  /// The handshake has taken too long.
  void timeOut();

  Http2Session& session() { return session_; }
  const Http2Session& session() const { return session_; }
  State state() const { return state_; }
  bool ended() const { return state_ > State::kOpen; }
  /// A value of errno; EPROTO: the program does not speak HTTP/2.
  int error() const { return error_; }
  const Endpoint& peer() const { return peer_; }
  /// Everything that was produced is with the socket.
  bool written() const { return out_.empty(); }

 private:
  struct Mark {
    std::uint64_t end;
    std::uint32_t number;
  };

  void onEvents(std::uint32_t events) override;
  void receive();
  void settleMarks();
  void lose(int error);
  void end(State state, int error = 0);
  std::uint64_t produced() const { return written_ + out_.size() - outSent_; }

  OutgoingSocket socket_;
  Http2LegOwner& owner_;
  Http2Session session_;
  State state_ = State::kConnecting;
  int error_ = 0;
  Endpoint peer_;
  std::vector<std::uint8_t> out_;  // Produced, from outSent_ on not written.
  std::size_t outSent_ = 0;
  std::uint64_t written_ = 0;
  std::size_t charge_ = 0;
  std::deque<Mark> marks_;
};

}  // namespace dormouse::replay
