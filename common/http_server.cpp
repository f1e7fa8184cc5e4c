#include "common/http_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/ThreadPool.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/http_connection.h"

namespace dormouse {
namespace {

constexpr int kMinThreads = 2;
// A thread is idle a moment after its connection is gone; until then the next one needs another.
constexpr int kSpareThreads = 8;
constexpr int kIdleThreadSeconds = 60;
constexpr int kStackBytes = 256 * 1024;
constexpr int kBacklog = 128;
// The pause after a failed accept: descriptors may have run out.
constexpr int kAcceptPauseMillis = 100;

int newEvent() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

}  // namespace

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler, const Log& log,
                       Watchdog& watchdog)
    : watchdog_(watchdog),
      shared_(std::make_unique<HttpServerShared>(std::move(options), std::move(handler), log,
                                                 watchdog)),
      pool_(std::make_unique<Poco::ThreadPool>("http", kMinThreads,
                                               shared_->options.maxThreads + kSpareThreads,
                                               kIdleThreadSeconds, kStackBytes)),
      stopEvent_(newEvent()) {}

HttpServer::~HttpServer() {
  stop();
  ::close(stopEvent_);
}

void HttpServer::start() {
  if (tryBind(true)) return;
  const Nanos interval = shared_->options.bindRetry;
  retry_ = watchdog_.schedule(Watchdog::now() + interval, [this, interval] {
    return tryBind(false) ? TimePoint::max() : Watchdog::now() + interval;
  });
}

bool HttpServer::tryBind(bool first) {
  const std::string where = shared_->options.listen.toString();
  try {
    Poco::Net::ServerSocket socket;
    // Without SO_REUSEPORT, which would let two servers share a port unnoticed.
    socket.bind(Poco::Net::SocketAddress(where), true, false);
    socket.listen(kBacklog);
    // A connection that vanishes between poll and accept must not block the loop.
    socket.setBlocking(false);
    listener_ = socket;
    acceptor_ = std::thread([this] { acceptLoop(); });
    port_ = socket.address().port();
    shared_->log.info("listening", {{"address", socket.address().toString()},
                                    {"tls", static_cast<bool>(shared_->options.tls)}});
    return true;
  } catch (const Poco::Exception& error) {
    if (first) {
      shared_->log.error("cannot listen, trying again in the background",
                         {{"address", where}, {"cause", error.displayText()}});
    }
    return false;
  }
}

void HttpServer::acceptLoop() {
  std::array<pollfd, 2> entries{{{stopEvent_, POLLIN, 0}, {listener_.impl()->sockfd(), POLLIN, 0}}};
  for (;;) {
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;  // A signal.
    if (entries[0].revents != 0) return;
    if (!shared_->connections.awaitRoom(static_cast<std::size_t>(shared_->options.maxThreads))) {
      return;
    }
    try {
      acceptOne();
    } catch (const std::exception& error) {
      shared_->log.debug("a connection could not be taken", {{"cause", std::string(error.what())}});
      ::poll(entries.data(), 1, kAcceptPauseMillis);
    }
  }
}

void HttpServer::acceptOne() {
  auto connection = std::make_unique<HttpConnection>(listener_.acceptConnection(), *shared_);
  pool_->start(*connection);
  connection.release();  // NOLINT(bugprone-unused-return-value): it owns itself now.
}

void HttpServer::drain() {
  shared_->draining = true;
}

void HttpServer::stop() {
  watchdog_.cancel(retry_);
  shared_->connections.stop();
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its maximum.
  [[maybe_unused]] const ssize_t written = ::write(stopEvent_, &one, sizeof one);
  if (acceptor_.joinable()) acceptor_.join();
  listener_.close();
  pool_->joinAll();
}

}  // namespace dormouse
