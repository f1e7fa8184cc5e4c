// An HTTP server on the loopback, for the cases to talk to.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "common/http_server.h"
#include "support/capture_log.h"

namespace dormouse {

/// Starts the server on a port of the kernel's, with a handler that says what it was asked.
class HttpServerTest : public ::testing::Test {
 protected:
  static constexpr auto kGet = "GET /hello?a=b HTTP/1.1\r\nHost: x\r\n\r\n";

  static HttpServerOptions onLoopback() {
    HttpServerOptions options;
    options.listen = {*IpAddress::parse("127.0.0.1"), 0};
    return options;
  }

  void start(HttpServerOptions options = onLoopback(), HttpHandler handler = echo) {
    server_ =
        std::make_unique<HttpServer>(std::move(options), std::move(handler), log_.log, watchdog_);
    server_->start();
    ASSERT_NE(0, server_->boundPort());
  }
  std::uint16_t port() const { return server_->boundPort(); }

  static HttpResponse echo(HttpRequest& request) {
    HttpResponse response;
    response.contentType = "text/plain";
    response.body = request.method + " " + request.path + " [" + request.body + "]";
    return response;
  }

  test::CaptureLog log_;
  Watchdog watchdog_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace dormouse
