// Loopback sockets and recorders for the sink tests. Everything that waits does so for an event,
// with a bound that only a broken program reaches.
#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/executor.h"
#include "common/stream_socket.h"
#include "mirror/sink.h"
#include "sink/target.h"

namespace dormouse::sink::test {

inline constexpr std::chrono::seconds kPatience{10};

inline std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Owns a descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Closes by RST.
  void reset() {
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close();
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

inline void waitReadable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())), 1);
}

/// A socket bound to 127.0.0.1 and a port of the kernel's choice.
class LocalPort {
 public:
  explicit LocalPort(int type = SOCK_STREAM, bool listening = true, int receiveBuffer = 0)
      : fd_(::socket(AF_INET, type, 0)) {
    if (receiveBuffer > 0) {
      setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (type == SOCK_STREAM && listening) {
      EXPECT_EQ(::listen(fd_.get(), 64), 0);
    }
  }
  Fd accept() {
    waitReadable(fd_.get());
    return Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }
  std::string text() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
};

/// What can be read from a socket.
struct Received {
  std::string bytes;
  bool ended = false;  // An orderly end: FIN.
  bool reset = false;
};

/// Reads what is there now, at most `limit` bytes.
inline void readSome(int fd, Received& into, std::size_t limit = 1 << 20) {
  static std::array<char, 1 << 20> buffer;
  const ssize_t n = ::recv(fd, buffer.data(), std::min(limit, buffer.size()), MSG_DONTWAIT);
  if (n > 0) into.bytes.append(buffer.data(), static_cast<std::size_t>(n));
  if (n == 0) into.ended = true;
  if (n < 0 && errno != EAGAIN) into.reset = true;
}

/// Remembers what a sink tells, and that it tells no fate of a connection from within open, data or
/// close.
class Recorder : public mirror::SinkListener, public mirror::PacketSinkListener {
 public:
  void onSettled(mirror::ConnectionHandle handle, Reason fate) override {
    EXPECT_FALSE(inCall) << "told from within a call of the sink";
    EXPECT_TRUE(fates.emplace(handle, fate).second) << "settled twice: " << handle;
  }
  void onResponseSettled(Reason fate) override { responses.push_back(fate); }
  void onRequestSettled(mirror::RequestId request, Reason fate) override {
    requests.emplace_back(request.connection, fate);
  }
  void onPacketsSettled(Reason fate, std::uint64_t count) override {
    EXPECT_FALSE(inCall);
    packets[fate] += count;
  }
  void onSinkGone(std::string_view why) override {
    EXPECT_FALSE(inCall);
    gone.emplace_back(why);
  }
  std::optional<Reason> fate(mirror::ConnectionHandle handle) const {
    const auto found = fates.find(handle);
    return found == fates.end() ? std::nullopt : std::optional(found->second);
  }

  bool inCall = false;
  std::map<mirror::ConnectionHandle, Reason> fates;
  std::vector<std::pair<mirror::ConnectionHandle, Reason>> requests;  // In the order of telling.
  std::vector<Reason> responses;                                      // The same.
  std::map<Reason, std::uint64_t> packets;
  std::vector<std::string> gone;
};

/// A loop with the machine's clock for waiting, and a manual one for the sink.
class SinkTest : public ::testing::Test {
 protected:
  /// Runs the loop until `done` says so.
  void runUntil(const std::function<bool()>& done) {
    const SystemClock real;
    const TimePoint end = real.now() + kPatience;
    while (!done()) {
      ASSERT_LT(real.now(), end) << "it never came";
      loop_.poll(real.now() + std::chrono::milliseconds(2), real);
    }
  }
  /// Handles everything that is ready now.
  void drainEvents() {
    const SystemClock real;
    for (int i = 0; i < 100 && loop_.poll(real.now(), real) > 0; ++i) {
    }
  }
  Reason open(mirror::Sink& sink, mirror::ConnectionHandle handle,
              wire::Protocol protocol = wire::Protocol::kTcp) {
    mirror::ConnectionInfo info;
    info.protocol = protocol;
    info.timestamp = clock_.wallNow();
    info.client = Endpoint{*IpAddress::parse("10.0.0.9"), static_cast<std::uint16_t>(handle + 1)};
    info.server = Endpoint{*IpAddress::parse("10.0.0.1"), 8080};
    return guarded([&] { return sink.open(handle, info); });
  }
  Reason data(mirror::Sink& sink, mirror::ConnectionHandle handle, std::string_view text) {
    return guarded([&] { return sink.data(handle, bytesOf(text)); });
  }
  void close(mirror::Sink& sink, mirror::ConnectionHandle handle, Reason reason = Reason::kNone) {
    guarded([&] {
      sink.close(handle, reason, false);
      return Reason::kNone;
    });
  }

  template <typename Call>
  Reason guarded(const Call& call) {
    recorder_.inCall = true;
    const Reason reason = call();
    recorder_.inCall = false;
    return reason;
  }

  ManualClock clock_;
  EventLoop loop_;
  Recorder recorder_;
};

/// A streaming response's two ends.
struct Stream {
  std::unique_ptr<StreamSocket> writer;
  Fd reader;
};

/// `buffer` bytes of kernel buffer at either end; 0: the kernel's choice.
inline Stream makeStream(int buffer = 0) {
  LocalPort port(SOCK_STREAM, true, buffer);
  Poco::Net::StreamSocket socket;
  socket.connect(Poco::Net::SocketAddress("127.0.0.1", port.port()));
  if (buffer > 0) socket.setSendBufferSize(buffer);
  Stream stream;
  stream.reader = port.accept();
  stream.writer = std::make_unique<StreamSocket>(socket);
  return stream;
}

/// Keeps tasks until the test runs them.
class ManualExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  void runAll() {
    for (auto& task : std::exchange(tasks, {})) task();
  }
  std::vector<std::function<void()>> tasks;
};

class FakeResolver final : public Resolver {
 public:
  std::vector<IpAddress> resolve(const std::string& host) override {
    ++calls;
    const auto found = names.find(host);
    if (found == names.end()) throw ResolveError("no such name");
    std::vector<IpAddress> addresses;
    for (const std::string& text : found->second) addresses.push_back(*IpAddress::parse(text));
    return addresses;
  }
  std::map<std::string, std::vector<std::string>> names;
  int calls = 0;
};

inline TargetPolicy allow(std::initializer_list<const char*> networks) {
  TargetPolicy policy;
  for (const char* text : networks) policy.allowed.push_back(*Network::parse(text));
  policy.ownAddresses = [] {
    return std::vector<IpAddress>{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("127.0.0.1")};
  };
  return policy;
}

}  // namespace dormouse::sink::test
