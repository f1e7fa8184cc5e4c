// A request and its answer as handlers see them: whole, and without a socket.
#pragma once

#include <Poco/Net/NameValueCollection.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/stream_socket.h"

namespace dormouse {

/// What a request may be at most. A request beyond is answered 431 or 413.
struct HttpLimits {
  std::size_t headBytes = 16 << 10;  // Request line and all header fields together.
  std::size_t bodyBytes = 64 << 10;  // After the transfer coding was removed.
};

struct HttpRequest {
  std::string method;                      // As sent: "GET".
  std::string path;                        // Percent-decoded, begins with '/'.
  std::string query;                       // As sent, without '?'. See parseQuery().
  Poco::Net::NameValueCollection headers;  // Names compare without case.
  bool http11 = true;                      // False: HTTP/1.0.
  std::string body;
  std::string peer;       // The client's address and port, for the log.
  std::string principal;  // Who is calling; empty until the handler has found out.

  /// The field's value; empty if there is none.
  const std::string& header(const std::string& name) const;
};

struct HttpResponse {
  int status = 200;
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // No line breaks in values.
  std::string body;  // Text without its last newline; the server appends one if it is missing.
  /// If set, the body is not used: the head is sent with `Connection: close` and without a length,
  /// and the socket is handed over, on the connection's thread. Destroyed without being called if
  /// the head cannot be sent.
  std::function<void(std::unique_ptr<StreamSocket>)> takeSocket;
};

/// Answers one request. Called by several threads at once. May throw Problem, or anything else
/// (answered 500). The request is the handler's to change.
using HttpHandler = std::function<HttpResponse(HttpRequest&)>;

}  // namespace dormouse
