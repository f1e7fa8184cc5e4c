// The client's end of one HTTP/2 connection (RFC 9113), by nghttp2: requests in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "replay/http2_request.h"

struct nghttp2_session;

namespace dormouse::replay {

/// Told by a session, from within produce() and receive().
class Http2SessionOwner {
 public:
  virtual ~Http2SessionOwner() = default;
  /// The request's head is in the output: it has its stream for good.
  virtual void onBegun(Http2Request& request) = 0;
  /// So many bytes of the request's body were moved to the output.
  virtual void onBodyTaken(Http2Request& request, std::size_t bytes) = 0;
  /// The request is whole in the output: the session forgets it.
  virtual void onSent(Http2Request& request) = 0;
  /// Its stream was closed before that: the session forgets it. `refused`: unprocessed.
  virtual void onClosed(Http2Request& request, bool refused) = 0;
};

/// With the program's own settings, windows and header table. Requests wait for the program's first
/// SETTINGS, for until then it is not known what it takes, and whether it speaks HTTP/2 at all.
/// Answers are thrown away, their windows never closed. No socket, no clock; one thread.
class Http2Session {
 public:
  /// What a session takes of memory, roughly: its tables above all.
  static constexpr std::size_t kMemory = 16 << 10;
  /// Streams that wait for their answers, at most; less if the program wants less.
  static constexpr std::size_t kMaxStreams = 1000;

  explicit Http2Session(Http2SessionOwner& owner);  // Throws std::bad_alloc.
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  /// The program's SETTINGS have come.
  bool ready() const { return ready_; }
  /// A request can be submitted now.
  bool accepts() const;
  /// The program takes no more requests here (GOAWAY), those that it has go on.
  bool goingAway() const { return goingAway_; }
  /// Requests whose answer is not complete.
  std::size_t streams() const { return open_.size(); }
  /// Requests whose head is in the output, ever.
  std::uint64_t begun() const { return begun_; }

  /// REQUIRES: accepts(); the request lives until it is sent, closed or forgotten.
  void submit(Http2Request& request);
  /// More of its body has come, or its end.
  void resume(const Http2Request& request);
  /// It is broken off: RST_STREAM. The session forgets it.
  void reset(Http2Request& request);
  /// Nobody waits for the answer of a request that was sent: RST_STREAM, if there is one to come.
  void forgo(std::uint32_t number);
  /// Says goodbye: GOAWAY.
  void close();

  /// What the program has sent. False if it is no HTTP/2, or against its rules; fault() says why.
  bool receive(std::span<const std::uint8_t> bytes);
  /// Appends what is to be sent now, until `out` has `limit` bytes; one frame more at most. False
  /// as receive().
  bool produce(std::vector<std::uint8_t>& out, std::size_t limit);
  /// Neither side has anything more to say.
  bool over() const;
  const std::string& fault() const { return fault_; }

 private:
  struct Callbacks;
  struct Free {
    void operator()(nghttp2_session* session) const;
  };
  bool fail(int error);

  Http2SessionOwner& owner_;
  std::unique_ptr<nghttp2_session, Free> session_;
  std::unordered_map<std::int32_t, Http2Request*> requests_;    // Not yet sent whole, by stream.
  std::unordered_map<std::uint32_t, std::int32_t> unanswered_;  // Sent whole: number, stream.
  std::unordered_map<std::int32_t, std::uint32_t> open_;        // Streams submitted, not closed.
  std::uint64_t begun_ = 0;
  bool ready_ = false;
  bool goingAway_ = false;
  std::string fault_;
};

}  // namespace dormouse::replay
