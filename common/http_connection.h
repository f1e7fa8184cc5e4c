// One connection of an HTTP server: request after request, on one thread.
#pragma once

#include <Poco/Net/StreamSocket.h>
#include <Poco/Runnable.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/http_message.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/open_connections.h"
#include "common/watchdog.h"

namespace dormouse {

/// What all connections of a server use. Owned by the server, outlives its connections.
struct HttpServerShared {
  HttpServerShared(HttpServerOptions givenOptions, HttpHandler givenHandler, const Log& givenLog,
                   Watchdog& givenWatchdog)
      : options(std::move(givenOptions)),
        handler(std::move(givenHandler)),
        log(givenLog),
        watchdog(givenWatchdog) {}

  HttpServerOptions options;
  HttpHandler handler;
  const Log& log;
  Watchdog& watchdog;
  OpenConnections connections{};
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> largeBodies{0};  // Bytes reserved by LargeBody objects.
};

/// The room of one body in HttpServerOptions::largeBodies, given back with the object.
class LargeBody {
 public:
  LargeBody() = default;
  ~LargeBody();
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;
  /// Throws Problem 503 if there is not enough room left.
  void reserve(HttpServerShared& shared, std::size_t bytes);

 private:
  HttpServerShared* shared_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Made by the server for an accepted socket and run by one thread of its pool. Owns itself from
/// run() on, since nobody waits for a connection in particular.
class HttpConnection final : public Poco::Runnable {
 public:
  HttpConnection(const Poco::Net::StreamSocket& socket, HttpServerShared& shared);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  /// Serves the connection to its end, then destroys the object.
  void run() override;

 private:
  void serve();
  /// Waits for the first byte of a request. False: none came in time.
  bool waitForBytes(Nanos atMost);
  /// Reads and answers one request that has to be complete at `deadline`. False: the connection is
  /// over.
  bool serveRequest(TimePoint deadline);
  /// Reads one request. False: the peer has closed. Throws Problem.
  bool readRequest(HttpRequest& request, LargeBody& room, TimePoint deadline);
  void readBody(HttpRequest& request, LargeBody& room, TimePoint deadline);
  /// Appends what has come to input_; false at the stream's end. Throws Problem 408.
  bool receive(TimePoint deadline);
  void send(std::string_view bytes);
  bool sendResponse(HttpResponse& response, bool keepAlive, bool withBody);
  /// For the watchdog: ends a read or write that blocks, and the connection with it.
  void abort();
  /// Ends our side and reads what is on its way: a close with unread bytes would send a reset, and
  /// the peer might never see the answer.
  void linger();
  int fd() const;

  HttpServerShared& shared_;
  Poco::Net::StreamSocket socket_;
  const OpenConnections::Id id_;
  bool trusted_ = false;
  bool registered_ = true;
  std::string input_;  // Received and not yet used.
};

}  // namespace dormouse
