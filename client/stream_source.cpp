#include "client/stream_source.h"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "client/outcome.h"

namespace dormouse::client {
namespace {

// A peer that vanished without a word (a node lost, a laptop moved) is noticed within half a
// minute, however long the stream is silent.
void enableKeepAlive(int fd) {
  const int on = 1;
  const int idle = 15;
  const int interval = 5;
  const int probes = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace

StreamSource::StreamSource(const Poco::Net::StreamSocket& socket)
    : socket_(socket), secure_(socket_.secure()) {
  enableKeepAlive(fd());
  socket_.setBlocking(false);
}

int StreamSource::fd() const {
  return socket_.impl()->sockfd();
}

StreamSource::Result StreamSource::read(std::span<std::uint8_t> into, std::size_t& count) {
  count = 0;
  if (!secure_) {
    const ssize_t n = ::recv(fd(), into.data(), into.size(), 0);
    if (n == 0) return Result::kEnded;
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return Result::kWouldBlock;
      error_ = std::generic_category().message(errno);
      return Result::kBroken;
    }
    count = static_cast<std::size_t>(n);
    return Result::kRead;
  }
  try {
    // Poco reports would-block as a negative count or as a time-out, an orderly end as 0.
    const int n = socket_.receiveBytes(into.data(), static_cast<int>(into.size()));
    if (n == 0) return Result::kEnded;
    if (n < 0) return Result::kWouldBlock;
    count = static_cast<std::size_t>(n);
    return Result::kRead;
  } catch (const Poco::TimeoutException&) {
    return Result::kWouldBlock;
  } catch (const Poco::Exception& error) {
    error_ = printable(error.displayText());
    return Result::kBroken;
  }
}

}  // namespace dormouse::client
