#include "common/stream_socket.h"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace dormouse {

StreamSocket::StreamSocket(const Poco::Net::StreamSocket& socket)
    : socket_(socket), secure_(socket_.secure()) {
  socket_.setBlocking(false);
}

StreamSocket::~StreamSocket() = default;

int StreamSocket::fd() const {
  return socket_.impl()->sockfd();
}

StreamSocket::Result StreamSocket::write(std::span<const std::uint8_t> bytes,
                                         std::size_t& written) {
  written = 0;
  if (bytes.empty()) return Result::kWritten;
  if (!secure_) {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      written = static_cast<std::size_t>(n);
      return Result::kWritten;
    }
    const bool later = n < 0 && (errno == EAGAIN || errno == EINTR);
    return later ? Result::kWouldBlock : Result::kGone;
  }
  // One TLS record at a time: OpenSSL wants the same bytes again after a would-block, and a
  // bounded prefix stays the same while the buffer behind it grows.
  const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), 16384));
  try {
    const int n = socket_.sendBytes(bytes.data(), size);
    if (n <= 0) return Result::kWouldBlock;
    written = static_cast<std::size_t>(n);
    return Result::kWritten;
  } catch (const Poco::TimeoutException&) {
    return Result::kWouldBlock;
  } catch (const Poco::Exception&) {
    return Result::kGone;
  }
}

bool StreamSocket::peerGone() {
  std::array<char, 512> scratch{};
  try {
    for (int i = 0; i < 16; ++i) {
      if (secure_) {
        // Poco reports would-block as a time-out or as a negative count, an orderly end as 0.
        const int n = socket_.receiveBytes(scratch.data(), static_cast<int>(scratch.size()));
        if (n == 0) return true;
        if (n < 0) return false;
        continue;
      }
      const ssize_t n = ::recv(fd(), scratch.data(), scratch.size(), MSG_DONTWAIT);
      if (n == 0) return true;
      if (n < 0) return errno != EAGAIN && errno != EINTR;
    }
  } catch (const Poco::TimeoutException&) {
    return false;
  } catch (const Poco::Exception&) {
    return true;
  }
  return false;
}

void StreamSocket::close() {
  try {
    if (secure_) {
      socket_.shutdown();
    } else {
      ::shutdown(fd(), SHUT_WR);
    }
    socket_.close();
  } catch (const Poco::Exception&) {
    // The peer went first; the descriptor is closed with the object.
  }
}

}  // namespace dormouse
