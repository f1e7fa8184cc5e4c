// A client that sends exactly the bytes it is told, on a loopback port.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace dormouse::test {

/// Every wait ends after ten seconds, as a failure of the test.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void shutdownWrite() const { ::shutdown(fd_, SHUT_WR); }

  /// False if the peer does not take it any more.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// Everything until the peer closes or resets.
  std::string readAll() {
    while (readSome()) {
    }
    return std::exchange(received_, {});
  }

  /// The next answer: head and as much body as its Content-Length says.
  std::string readResponse() {
    for (;;) {
      const std::size_t end = received_.find("\r\n\r\n");
      if (end != std::string::npos) {
        std::size_t length = end + 4;
        const std::size_t field = received_.find("Content-Length: ");
        if (field < end) length += std::stoul(received_.substr(field + 16));
        if (received_.size() >= length) {
          std::string response = received_.substr(0, length);
          received_.erase(0, length);
          return response;
        }
      }
      if (!readSome()) return std::exchange(received_, {});
    }
  }

  /// True once the peer has closed; what it sent before is dropped.
  bool closedByPeer() {
    while (readSome()) {
    }
    return !timedOut_;
  }

 private:
  bool readSome() {
    pollfd entry{fd_, POLLIN, 0};
    if (::poll(&entry, 1, 10'000) != 1) {
      timedOut_ = true;
      ADD_FAILURE() << "nothing came within ten seconds; so far: " << received_;
      return false;
    }
    std::array<char, 4096> chunk{};
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n <= 0) return false;
    received_.append(chunk.data(), static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool timedOut_ = false;
  std::string received_;
};

}  // namespace dormouse::test
