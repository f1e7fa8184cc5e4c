// An HTTP/1.1 server: Poco's sockets and threads, our own connections.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/ServerSocket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "common/http_message.h"
#include "common/ip.h"
#include "common/log.h"
#include "common/watchdog.h"

namespace Poco {
class ThreadPool;
}

namespace dormouse {

struct HttpServerOptions {
  Endpoint listen;  // Port 0: the kernel chooses, see boundPort().
  HttpLimits limits;
  /// From the first byte, or from accept for the first request, until the request is complete, the
  /// TLS handshake included. The answer has the same time to be taken.
  Nanos requestDeadline = std::chrono::seconds(10);
  /// How long a connection may wait for the next request: until it has brought one that was
  /// answered below 400, and afterwards.
  Nanos idleBefore = std::chrono::seconds(5);
  Nanos idleAfter = std::chrono::seconds(30);
  /// Connections served at once. One more ends the least useful one (OpenConnections::awaitRoom).
  int maxThreads = 64;
  /// What all bodies above 64 KiB that are being received or answered may have together; one that
  /// does not fit is answered 503. 0: no bound but that of each.
  std::size_t largeBodies = 0;
  Nanos bindRetry = std::chrono::seconds(1);
  /// If set, connections speak TLS with the context it returns at that moment. Called on the
  /// connections' threads. May throw: that connection ends.
  std::function<Poco::Net::Context::Ptr()> tls;
  /// If set, told the status of each answer, on the connections' threads.
  std::function<void(int status)> onAnswer;
};

struct HttpServerShared;

/// Owned by whoever wires the program; start() and stop() are called on one thread. Each open
/// connection holds one thread; asleep, none of its threads wakes. (Poco's TCPServer is not used:
/// its accept loop wakes four times a second, and its dispatcher can miss the call to stop.)
class HttpServer {
 public:
  /// REQUIRES: log and watchdog outlive the server.
  HttpServer(HttpServerOptions options, HttpHandler handler, const Log& log, Watchdog& watchdog);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens. If the address cannot be bound, this is logged once and tried again in the background
  /// until it succeeds: a taken port must not end the program.
  void start();
  /// From now on each answer ends its connection, so that clients go elsewhere without an error.
  /// To be called some time before stop().
  void drain();
  /// Ends all connections, those of slow clients too, and waits for handlers that run. Streams
  /// whose socket was handed over are not touched. Idempotent; the server cannot start again.
  void stop();
  /// The port listened on; 0 while it could not be bound.
  std::uint16_t boundPort() const { return port_; }

 private:
  bool tryBind(bool first);
  void acceptLoop();
  void acceptOne();

  Watchdog& watchdog_;
  const std::unique_ptr<HttpServerShared> shared_;
  const std::unique_ptr<Poco::ThreadPool> pool_;
  const int stopEvent_;               // An eventfd: readable once the accept loop is to end.
  Poco::Net::ServerSocket listener_;  // Set before acceptor_ begins.
  std::thread acceptor_;              // Not running while the address could not be bound.
  Watchdog::Id retry_ = 0;
  std::atomic<std::uint16_t> port_{0};
};

}  // namespace dormouse
