// What a streaming response still has to send, and its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "common/event_loop.h"
#include "common/stream_socket.h"
#include "mirror/budget.h"
#include "sink/byte_queue.h"

namespace dormouse::sink {

/// Bounded output of one streaming response: records are appended, then written together, without
/// blocking, one write for a whole batch. Watches its socket for a reader that goes away. Owned by
/// the sink whose format it carries; the loop's thread only.
class StreamBuffer final : private EventHandler {
 public:
  /// Writing as much is not put off until the batch's end: all that lies in a capture's ring would
  /// not fit the limit.
  static constexpr std::size_t kWorthAWrite = 256 << 10;

  /// `limit`: bytes of memory, at least 4,096. `onProgress` is called from the event loop after an
  /// event has changed written() or gone(); it must not destroy the buffer.
  StreamBuffer(EventLoop& loop, std::unique_ptr<StreamSocket> socket, std::size_t limit,
               std::function<void()> onProgress);
  ~StreamBuffer() override;
  StreamBuffer(const StreamBuffer&) = delete;
  StreamBuffer& operator=(const StreamBuffer&) = delete;

  /// Where to append a record of up to `bytes` bytes, before any other call; nullptr: no room.
  std::vector<std::uint8_t>* room(std::size_t bytes) {
    return gone_ ? nullptr : queue_.room(bytes);
  }
  /// Appends all of the text; false, and nothing is changed, if there is no room.
  bool append(std::string_view text);
  /// Whether room() would find some for that many.
  bool fits(std::size_t bytes) const { return !gone_ && queue_.fits(bytes); }
  /// What room() takes from. For a sink that keeps some of it.
  mirror::Budget& budget() { return budget_; }
  /// Writes what the socket takes. The rest follows when the socket is ready; a call before that
  /// costs nothing.
  void flush();
  /// Gives memory back. For a reader to whom nothing has been sent for a while.
  void trim();
  /// The orderly end of the response. REQUIRES: empty().
  void close();

  /// Bytes appended since the beginning, and how many of them the socket has taken.
  std::uint64_t appended() const { return queue_.appended(); }
  std::uint64_t written() const { return gone_ ? lastWritten_ : queue_.consumed(); }
  bool empty() const { return queue_.empty(); }
  /// Bytes appended and not written.
  std::size_t waiting() const { return queue_.size(); }
  /// The reader is not there any more: nothing can be written, ever.
  bool gone() const { return gone_; }

 private:
  void onEvents(std::uint32_t events) override;
  void write();
  void lose();
  void stopWatching();

  EventLoop& loop_;
  std::unique_ptr<StreamSocket> socket_;
  mirror::Budget budget_;
  ByteQueue queue_;
  std::function<void()> onProgress_;
  std::uint64_t lastWritten_ = 0;
  bool watched_ = true;   // The socket is in the loop.
  bool blocked_ = false;  // The last write would have blocked; EPOLLOUT is asked for.
  bool gone_ = false;
};

}  // namespace dormouse::sink
