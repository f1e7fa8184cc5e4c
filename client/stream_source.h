// The reading end of a streaming response, plain or TLS.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dormouse::client {

/// Owns the socket and makes it non-blocking. One thread only.
class StreamSource {
 public:
  explicit StreamSource(const Poco::Net::StreamSocket& socket);

  enum class Result : std::uint8_t {
    kRead,        // `count` bytes, more than 0.
    kWouldBlock,  // None now. Under TLS only then does the descriptor tell when there are more.
    kEnded,       // The peer closed in order.
    kBroken,      // It did not; error() says what.
  };
  Result read(std::span<std::uint8_t> into, std::size_t& count);
  int fd() const;
  const std::string& error() const { return error_; }

 private:
  Poco::Net::StreamSocket socket_;
  bool secure_;
  std::string error_;
};

}  // namespace dormouse::client
