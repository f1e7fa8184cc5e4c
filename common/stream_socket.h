// A connected socket that a server thread has let go of: written to without blocking.
#pragma once

#include <Poco/Net/StreamSocket.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace dormouse {

/// The writing end of a streaming response, plain or TLS. One thread at a time.
class StreamSocket {
 public:
  /// Takes the socket over and makes it non-blocking.
  explicit StreamSocket(const Poco::Net::StreamSocket& socket);
  ~StreamSocket();
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  enum class Result : std::uint8_t { kWritten, kWouldBlock, kGone };

  int fd() const;
  /// Writes what it can. kWritten: `written` bytes were taken (> 0, perhaps not all). kWouldBlock:
  /// none; under TLS the same bytes must come first in the next call. kGone: the peer is not there
  /// any more. Never raises SIGPIPE.
  Result write(std::span<const std::uint8_t> bytes, std::size_t& written);
  /// True if the peer has closed or reset, as far as is known without writing. What the peer sends
  /// is read and thrown away.
  bool peerGone();
  /// Orderly end: TLS close_notify if it fits, FIN.
  void close();

 private:
  Poco::Net::StreamSocket socket_;
  bool secure_;
};

}  // namespace dormouse
