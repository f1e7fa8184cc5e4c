// The developer's program: a server that writes down what it gets.
#pragma once

#include <Poco/Net/ServerSocket.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tests/client/acceptor.h"

namespace dormouse::client {

/// What one connection brought.
struct Received {
  std::string bytes;
  bool clean = false;  // Ended by FIN; else by RST.
};

/// Accepts on a port of the kernel's choice, one thread per connection; answers each clean end with
/// a few bytes and closes. While paused it accepts but does not read.
class LocalProgram {
 public:
  /// `receiveBuffer`: SO_RCVBUF of its connections; 0 for the system's.
  explicit LocalProgram(bool paused = false, int receiveBuffer = 0);
  ~LocalProgram();
  LocalProgram(const LocalProgram&) = delete;
  LocalProgram& operator=(const LocalProgram&) = delete;

  std::uint16_t port() const { return acceptor_.port(); }
  void resume();
  /// Waits until `count` connections have ended and returns them in the order of their ends; fewer
  /// after 20 s.
  std::vector<Received> await(std::size_t count);

 private:
  void serve(Poco::Net::StreamSocket& socket);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool paused_;
  std::vector<Received> received_;
  Acceptor acceptor_;  // The last: its threads use the others.
};

/// A port nobody listens on: bound, so that nobody else gets it, but not listening.
class RefusedPort {
 public:
  RefusedPort() { socket_.bind(Poco::Net::SocketAddress("127.0.0.1", 0)); }
  std::uint16_t port() const { return socket_.address().port(); }

 private:
  Poco::Net::ServerSocket socket_;
};

/// 8080:PORT, as an argument.
inline std::string pairTo(std::uint16_t port) {
  return "8080:" + std::to_string(port);
}
inline std::string pairTo(const LocalProgram& program) {
  return pairTo(program.port());
}

}  // namespace dormouse::client
