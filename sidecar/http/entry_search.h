// Where a connection that was open before the mirror may be entered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "common/clock.h"
#include "http/http1_parser.h"

namespace dormouse::http {

/// Looks for the entry into one connection. A request's first bytes cannot be told from a body that
/// looks like a request by their text. They can by their place: a client that waits for answers
/// begins its next request after it has read some. A segment may therefore begin a request if
///
/// 1. it acknowledges more than the connection's captured segments before it: the server has sent
///    something in between; or
/// 2. it is the connection's first one, and the mirror has been awake for kSilence without one, of
///    which nothing can have been lost or forgotten: no upload pauses that long in its middle, as a
///    rule.
///
/// That it does begin one, the parser must confirm by a whole head,
/// which may span segments. What comes before the entry is left out. Where the rule errs: a server
/// that sends while it still receives a body (100-continue, progress, an early answer), or an
/// upload that pauses for kSilence at the wake; and then only if a segment of that body begins with
/// a whole valid head. A client that pipelines without ever waiting is never joined.
class EntrySearch final : private RequestListener {
 public:
  static constexpr Nanos kSilence = std::chrono::seconds(1);

  /// What is known of a segment beside its bytes.
  struct Segment {
    bool answered = false;  // It acknowledges more than the segments before it.
    bool first = false;     // No other was captured before it.
    Nanos sinceWake{0};     // How long the capture had been live, and seen everything.
  };

  /// Whether the rule lets a request begin with this segment.
  static bool mayBegin(const Segment& segment) {
    return segment.answered || (segment.first && segment.sinceWake >= kSilence);
  }

  /// The connection's next bytes, in order. True once the entry is found: the listener has been
  /// told of the first request and of all that followed it, and takeParser() goes on from there.
  /// REQUIRES: it was not found before.
  bool feed(std::span<const std::uint8_t> bytes, const Segment& segment, RequestListener& listener);

  /// REQUIRES: feed() has returned true.
  std::unique_ptr<Http1Parser> takeParser() { return std::move(parser_); }

  /// How many bytes there are of a head that is not complete yet, and what memory they take.
  std::size_t held() const { return parser_ ? parser_->held().size() : 0; }
  std::size_t memory() const { return parser_ ? sizeof(Http1Parser) + parser_->memory() : 0; }

 private:
  void onHead(const RequestHead& head) override;
  void onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) override;
  void onRequestEnd() override;
  void onOther(std::span<const std::uint8_t> bytes) override;

  std::unique_ptr<Http1Parser> parser_;  // While a segment may have begun a request.
  RequestListener* listener_ = nullptr;  // During feed().
  bool entered_ = false;
};

}  // namespace dormouse::http
