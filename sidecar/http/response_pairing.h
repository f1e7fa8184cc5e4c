// Which response answers which request of an HTTP/1 connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/reason.h"
#include "http/response_parser.h"

namespace dormouse::http {

/// A whole response, with the request that it answers.
struct PairedResponse {
  std::uint64_t request = 0;  // The number that begin() was given.
  int status = 0;
  std::string head;              // As it was sent, from the status line to the empty line. In
                                 // HTTP/2 with the trailers: see response_text.h.
  std::string body;              // The content without the framing of chunks, its beginning.
  std::uint64_t bodyBytes = 0;   // Of the whole content.
  std::optional<Nanos> latency;  // From the request's last byte to the response's first, at least
                                 // 0. Nothing if the response began before the request's end.
  WallTime timestamp;            // Of its first byte.
};

/// Told by a pairing, once for each request that was begun with a number; in HTTP/1 in their order.
class PairingListener {
 public:
  virtual ~PairingListener() = default;
  virtual void onResponse(PairedResponse&& response) = 0;
  /// There is none: kUnanswered, the server ended the connection; else why it is not known.
  virtual void onMissing(std::uint64_t request, Reason why) = 0;
};

/// Follows one connection: each response belongs to the oldest request that has none (RFC 9112,
/// 9.3). Every request must be begun, also one that nobody wants the response of. Holds a head that
/// is cut, of each response wanted its head and at most `maxBody` bytes of its content, and a few
/// bytes for each of at most kMaxPending requests; see held(). No clock, no I/O; one thread.
///
/// Once a response cannot be read, nothing after it can be paired: the state is lost(), with its
/// reason, until restart().
class ResponsePairing final : private ResponseListener {
 public:
  /// A client that has sent so many requests without reading a response is given up.
  static constexpr std::size_t kMaxPending = 1024;

  /// REQUIRES: listener outlives the pairing.
  ResponsePairing(std::size_t maxBody, PairingListener& listener)
      : maxBody_(maxBody), listener_(listener) {}

  /// A request's head has come. `number`: what to call it; nothing if its response is not wanted.
  void begin(std::optional<std::uint64_t> number, Asked asked);
  /// The last request begun is whole.
  void requestEnded(WallTime at);
  /// The server's next bytes, in order; `at` is their time.
  void feed(std::span<const std::uint8_t> bytes, WallTime at);
  /// The server has closed its direction (kNone), or its bytes are lost from here on.
  void end(Reason why);
  /// Every request so far has had its response, read or not, and the next bytes begin that to the
  /// next request.
  void restart();

  /// The server has gone on in HTTP/2, as a request had asked.
  struct Upgrade {
    std::optional<std::uint64_t> number;  // Of that request, if its response is wanted: stream 1.
    std::optional<WallTime> ended;        // When it was whole.
    std::vector<std::uint8_t> rest;       // What came behind the 101.
  };
  /// Once, after feed(). From then on the pairing is of no use.
  std::optional<Upgrade> takeUpgrade() { return std::exchange(upgrade_, std::nullopt); }

  /// Why nothing can be paired; kNone if it can.
  Reason lost() const { return lost_; }
  /// No request waits for its response, wanted or not, and none is lost.
  bool idle() const { return pending_.empty() && lost_ == Reason::kNone && !parser_.midResponse(); }
  /// Whether a request wants its response still.
  bool waits() const { return wanted_ != 0; }
  /// Bytes of memory, roughly.
  std::size_t held() const;

 private:
  struct Pending {
    std::optional<std::uint64_t> number;
    Asked asked = Asked::kNothing;
    std::optional<WallTime> ended;
  };

  Asked asked() override { return pending_.empty() ? Asked::kNothing : pending_.front().asked; }
  void onHead(const ResponseHead& head) override;
  void onContent(std::span<const std::uint8_t> content) override;
  void onResponseEnd() override;
  void onHttp2(std::span<const std::uint8_t> bytes) override;
  void lose(Reason why);

  const std::size_t maxBody_;
  PairingListener& listener_;
  ResponseParser parser_;
  std::deque<Pending> pending_;             // The first is the one whose response comes.
  std::size_t wanted_ = 0;                  // Of these, with a number.
  std::optional<PairedResponse> response_;  // To the first, if it is wanted.
  WallTime at_;                             // During feed().
  std::optional<WallTime> began_;           // When the response's first byte came.
  std::optional<Upgrade> upgrade_;
  Reason lost_ = Reason::kNone;
};

}  // namespace dormouse::http
