// The accepting half of the servers that the client is tested against.
#pragma once

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace dormouse::client {

/// Calls `serve` for each connection, on a thread of its own. Owned by the server, as its last
/// member: it ends before anything that `serve` uses.
class Acceptor {
 public:
  using Serve = std::function<void(Poco::Net::StreamSocket&)>;
  /// Takes over a socket that listens.
  Acceptor(std::unique_ptr<Poco::Net::ServerSocket> listener, Serve serve);
  /// Shuts every connection down and joins all threads.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void accept();

  const std::unique_ptr<Poco::Net::ServerSocket> listener_;
  const Serve serve_;
  const std::uint16_t port_;
  std::mutex mutex_;  // Guards the next three.
  bool ending_ = false;
  std::vector<Poco::Net::StreamSocket> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace dormouse::client
