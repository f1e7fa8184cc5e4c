// From the stream's socket to decoded records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/stream_source.h"
#include "common/event_loop.h"
#include "wire/frames.h"

namespace dormouse::client {

/// Reads the stream whenever it is readable and feeds the decoder; never pushes back. One thread.
class StreamReader final : private EventHandler {
 public:
  /// `loop` and `handler` must outlive this.
  StreamReader(const Poco::Net::StreamSocket& socket, EventLoop& loop, wire::FrameHandler& handler);
  ~StreamReader() override;
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  /// Bytes of the stream that were read before. To be called first.
  void feed(std::span<const std::uint8_t> early);
  /// Reads on where the last round stopped for fairness. True if it may be there again: then the
  /// loop must not wait.
  bool readOn();

  /// Reads now what is there.
  void read() { onEvents(0); }

  /// Bytes that have come since feed().
  std::uint64_t received() const { return received_; }
  /// Nothing more comes. error() is empty if it ended in order between two records.
  bool ended() const { return ended_; }
  const std::string& error() const { return error_; }

 private:
  void onEvents(std::uint32_t events) override;
  void end(std::string error);

  StreamSource source_;
  EventLoop& loop_;
  wire::FrameDecoder decoder_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t received_ = 0;
  bool more_ = false;
  bool ended_ = false;
  std::string error_;
};

}  // namespace dormouse::client
