// A mirrored TCP connection's copy: one connection to the local program.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include "client/byte_queue.h"
#include "client/local_end.h"
#include "common/event_loop.h"

namespace dormouse::client {

/// What the local program answers is read and told. A clean end is passed as FIN, and the
/// connection then lingers until the program closes its side, so that the program is not cut off in
/// its answer; a cut is passed as RST, so that the program does not take the bytes for complete.
class LocalConnection final : public LocalEnd, private EventHandler {
 public:
  /// Begins to connect. `cap`, `loop`, `clock` and `listener` must outlive this. A failure is told
  /// by onLocalDone, perhaps before the constructor returns.
  LocalConnection(std::uint64_t connection, const Poco::Net::SocketAddress& to, EventLoop& loop,
                  const Clock& clock, BufferCap& cap, LocalEndListener& listener);
  ~LocalConnection() override;
  LocalConnection(const LocalConnection&) = delete;
  LocalConnection& operator=(const LocalConnection&) = delete;

  void write(std::span<const std::uint8_t> bytes) override;
  void finish() override;
  void cut(Reason reason) override;
  void giveUp(Reason reason) override;
  void onTime(TimePoint now, Nanos linger) override;

 private:
  enum class State : std::uint8_t {
    kConnecting,  // From the constructor.
    kOpen,        // connect() came through.
    kLingering,   // finish(), and everything is written: FIN is sent.
    kDone,        // onLocalDone was called.
  };

  void onEvents(std::uint32_t events) override;
  void onConnected();
  void readAnswers();
  void writeQueue();
  void endIfWritten();
  void watch();
  int takeError() const;
  void endByReset(bool reset);
  void settle(Reason fate, int error = 0);

  const std::uint64_t connection_;
  EventLoop& loop_;
  const Clock& clock_;
  LocalEndListener& listener_;
  ByteQueue queue_;
  int fd_ = -1;
  std::uint32_t watched_ = 0;
  State state_ = State::kConnecting;
  bool finishing_ = false;         // finish() was called.
  bool peerEnded_ = false;         // The program closed its writing side.
  Reason cutFor_ = Reason::kNone;  // Else cut() was called.
  TimePoint since_;                // When state_ was entered.
};

}  // namespace dormouse::client
