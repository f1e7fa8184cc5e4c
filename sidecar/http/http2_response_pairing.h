// Which response answers which request of an HTTP/2 connection (RFC 9113, 8.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/reason.h"
#include "http/http2_reader.h"
#include "http/response_pairing.h"

namespace dormouse::http {

/// Follows what one server sends, from the connection's beginning (or from behind a 101) on, all
/// the time: a header block can be decoded only after all those before it. Responses are found by
/// their stream, and told of once they are whole; those to streams that were not begun are read and
/// thrown away, pushed ones among them. Any chunking of the bytes gives the same responses.
///
/// The connection is malformed as Http2Reader says, or if HEADERS, DATA, RST_STREAM or PUSH_PROMISE
/// stand on stream 0. Then, and whenever else it is lost(), nothing after it can be paired: there
/// is no place to begin anew. A response alone is malformed if its head or its trailers are, if its
/// content comes before its head, or has another length than that says. RST_STREAM leaves its
/// request unanswered. GOAWAY ends nothing: requests that it refuses wait for the connection's end.
///
/// Holds the decoder's table, a header block that is cut, of each response wanted its head and at
/// most `maxBody` bytes of its content, and a few bytes for each of at most kMaxPending requests;
/// see held(). No clock, no I/O; one thread.
class Http2ResponsePairing final : private Http2FrameHandler {
 public:
  /// As many as a Http2Parser keeps unfinished; what is above is given up.
  static constexpr std::size_t kMaxPending = 1024;

  /// REQUIRES: listener outlives the pairing.
  Http2ResponsePairing(std::size_t maxBody, PairingListener& listener)
      : maxBody_(maxBody), listener_(listener) {}

  /// A request has begun whose response is wanted; its number is the stream's. REQUIRES: it was not
  /// begun before.
  void begin(std::uint32_t stream, Asked asked);
  /// It is whole.
  void requestEnded(std::uint32_t stream, WallTime at);
  /// No response will come any more, or nobody waits for it. Nothing happens if it has come.
  void giveUp(std::uint32_t stream, Reason why);
  /// The server's next bytes, in order; `at` is their time.
  void feed(std::span<const std::uint8_t> bytes, WallTime at);
  /// The server has closed its direction (kNone), or its bytes are lost from here on.
  void end(Reason why);
  /// Gives up all responses that are coming in, to have their memory; those not begun stay.
  void shed(Reason why);

  /// Why nothing can be paired; kNone if it can.
  Reason lost() const { return lost_; }
  /// Whether a request waits for its response.
  bool waits() const { return !pending_.empty(); }
  /// Bytes of memory, roughly.
  std::size_t held() const;
  /// Why the connection is malformed.
  const std::string& fault() const { return fault_; }

 private:
  struct Pending {
    Asked asked = Asked::kUsual;
    std::optional<WallTime> ended;        // When the request was whole.
    WallTime began;                       // When the response's head, or an interim one, began.
    bool answered = false;                // The final head has come.
    std::optional<std::uint64_t> length;  // Of the content, if the head says it.
    PairedResponse response;
    std::size_t charge = 0;  // Bytes of its head and content.
  };
  using Requests = std::map<std::uint32_t, Pending>;

  std::string_view onFrame(const Http2Frame& frame) override;
  void onContent(const Http2Frame& frame, std::uint32_t coming,
                 std::span<const std::uint8_t> content) override;
  void onContentEnd(const Http2Frame& frame) override;
  void onBlock(const Http2Frame& first, const HeaderList& list) override;

  void onHead(Requests::iterator request, const HeaderList& list, bool whole);
  void onTrailers(Requests::iterator request, const HeaderList& list);
  void finish(Requests::iterator request);
  void giveUp(Requests::iterator request, Reason why);
  void charge(Pending& request);
  void lose(Reason why);

  const std::size_t maxBody_;
  PairingListener& listener_;
  std::optional<Http2Reader> reader_{std::in_place, std::string_view()};  // Until it is lost.
  Requests pending_;                                                      // By stream.
  std::size_t content_ = 0;  // The sum of their charges.
  WallTime at_;              // During feed().
  std::string fault_;
  Reason lost_ = Reason::kNone;
};

}  // namespace dormouse::http
