#include "common/http_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>

#include "common/http_connection.h"

namespace dormouse {
namespace {

constexpr int kMinThreads = 2;
constexpr int kStackBytes = 256 * 1024;

class ConnectionFactory final : public Poco::Net::TCPServerConnectionFactory {
 public:
  explicit ConnectionFactory(HttpServerShared& shared) : shared_(shared) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    return new HttpConnection(socket, shared_);
  }

 private:
  HttpServerShared& shared_;
};

// Sees each connection before it is queued for a thread; lets all in.
class RoomMaker final : public Poco::Net::TCPServerConnectionFilter {
 public:
  explicit RoomMaker(HttpServerShared& shared) : shared_(shared) {}
  bool accept(const Poco::Net::StreamSocket&) override {
    shared_.connections.makeRoom(static_cast<std::size_t>(shared_.options.maxThreads));
    return true;
  }

 private:
  HttpServerShared& shared_;
};

}  // namespace

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler, const Log& log,
                       Watchdog& watchdog)
    : watchdog_(watchdog),
      shared_(new HttpServerShared{std::move(options), std::move(handler), log, watchdog, {}}),
      pool_(std::make_unique<Poco::ThreadPool>("http", kMinThreads, shared_->options.maxThreads, 60,
                                               kStackBytes)) {}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::start() {
  if (tryBind(true)) return;
  const Nanos interval = shared_->options.bindRetry;
  retry_ = watchdog_.schedule(Watchdog::now() + interval, [this, interval] {
    return tryBind(false) ? TimePoint::max() : Watchdog::now() + interval;
  });
}

bool HttpServer::tryBind(bool first) {
  const std::lock_guard lock(mutex_);
  const std::string where = shared_->options.listen.toString();
  try {
    Poco::Net::ServerSocket socket;
    // Without SO_REUSEPORT, which would let two servers share a port unnoticed.
    socket.bind(Poco::Net::SocketAddress(where), true, false);
    socket.listen(64);
    const Poco::Net::TCPServerParams::Ptr params(new Poco::Net::TCPServerParams);
    params->setMaxThreads(shared_->options.maxThreads);
    params->setMaxQueued(256);
    params->setThreadIdleTime(Poco::Timespan(3600, 0));  // Else its last thread would wake to look.
    auto server = std::make_unique<Poco::Net::TCPServer>(new ConnectionFactory(*shared_), *pool_,
                                                         socket, params);
    server->setConnectionFilter(new RoomMaker(*shared_));
    server->start();
    server_ = std::move(server);
    port_ = socket.address().port();
    shared_->log.info("listening", {{"address", socket.address().toString()},
                                    {"tls", static_cast<bool>(shared_->options.tls)}});
    return true;
  } catch (const Poco::Exception& error) {
    if (first) {
      shared_->log.error("cannot listen, trying again every second",
                         {{"address", where}, {"cause", error.displayText()}});
    }
    return false;
  }
}

void HttpServer::stop() {
  watchdog_.cancel(retry_);
  shared_->connections.stop();
  if (server_) server_->stop();
  pool_->joinAll();
  server_.reset();
}

}  // namespace dormouse
