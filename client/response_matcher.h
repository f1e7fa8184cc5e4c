// Finds, of one stream, the pod's and the local program's response to each request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "client/comparison.h"
#include "common/clock.h"
#include "http/response_pairing.h"
#include "wire/frames.h"

namespace dormouse::client {

/// Reads the requests that the stream brings, to know which response of the local program answers
/// which; the sidecar does the same for the pod's. In HTTP/2 both are told of by number. What is
/// held for responses whose other half has not come is bounded; what does not fit is not compared.
/// One thread only.
class ResponseMatcher {
 public:
  /// Of all responses that wait for their other half, with what each takes besides.
  static constexpr std::size_t kMostHeld = 64 << 20;

  /// `pod`: its name; may be empty. REQUIRES: comparison outlives this.
  ResponseMatcher(std::string pod, Comparison& comparison);
  ~ResponseMatcher();

  void open(std::uint64_t connection);
  /// A request of HTTP/2 goes to the local program; this is its head.
  void begin(const wire::RequestFrame& frame);
  /// The next bytes that go to the local program, in HTTP/1.
  void request(std::uint64_t connection, std::span<const std::uint8_t> bytes);
  /// Nothing more goes to it.
  void closed(std::uint64_t connection);
  /// What the pod has answered, as the stream brings it.
  void podResponse(const wire::ResponseFrame& frame);
  /// What it has answered to a request of HTTP/2 (which is taken over), or why there is nothing.
  /// Only the first counts that is told of a request.
  void localHttp2Answer(std::uint64_t connection, std::uint32_t request,
                        http::PairedResponse* answer, Reason missing);
  /// The next bytes that the local program has answered, in HTTP/1.
  void localResponse(std::uint64_t connection, std::span<const std::uint8_t> bytes);
  /// It answers nothing more: kNone, it has closed its side in order; else why not.
  void localEnded(std::uint64_t connection, Reason why);
  /// The stream is over: what the pod's response is missing for is not compared.
  void podEnded();

 private:
  class Connection;

  Connection* find(std::uint64_t connection);
  /// Forgets the connection if nothing of it is waited for.
  void tidy(std::uint64_t connection);

  const std::string pod_;
  Comparison& comparison_;
  std::size_t held_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace dormouse::client
