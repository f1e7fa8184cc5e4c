// One connection of an HTTP server: request after request, on one thread.
#pragma once

#include <Poco/Net/TCPServerConnection.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "common/http_message.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/open_connections.h"
#include "common/watchdog.h"

namespace dormouse {

/// What all connections of a server use. Owned by the server, outlives its connections.
struct HttpServerShared {
  HttpServerOptions options;
  HttpHandler handler;
  const Log& log;
  Watchdog& watchdog;
  OpenConnections connections;
};

/// Made by the server for an accepted socket, and run and destroyed by one thread of its pool.
class HttpConnection final : public Poco::Net::TCPServerConnection {
 public:
  HttpConnection(const Poco::Net::StreamSocket& socket, HttpServerShared& shared);
  ~HttpConnection() override;
  void run() override;

 private:
  void serve();
  /// Waits for the first byte of a request. False: none came in time.
  bool waitForBytes(Nanos atMost);
  /// Reads and answers one request. False: the connection is over.
  bool serveRequest(TimePoint began);
  /// Reads one request. False: the peer has closed, or the deadline has come. Throws Problem.
  bool readRequest(HttpRequest& request);
  void readBody(HttpRequest& request);
  /// Appends what has come to input_; false at the stream's end.
  bool receive();
  void send(std::string_view bytes);
  bool sendResponse(HttpResponse& response, bool keepAlive, bool withBody);
  /// Ends our side and reads what is on its way: a close with unread bytes would send a reset, and
  /// the peer might never see the answer.
  void linger();
  int fd();

  HttpServerShared& shared_;
  const OpenConnections::Id id_;
  std::atomic<bool> expired_{false};
  bool trusted_ = false;
  bool registered_ = true;
  std::string input_;  // Received and not yet used.
};

}  // namespace dormouse
