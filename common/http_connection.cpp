#include "common/http_connection.h"

#include <Poco/DateTimeFormat.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/String.h>
#include <Poco/StringTokenizer.h>
#include <Poco/Timestamp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <sstream>

#include "common/http_parser.h"
#include "common/problem_response.h"

namespace dormouse {
namespace {

// How long after the deadline a connection is ended that could not be answered.
constexpr auto kGrace = std::chrono::milliseconds(100);
// Smaller bodies are not counted: a connection needs about as much anyway.
constexpr std::size_t kLargeBody = 64 << 10;

// True once the descriptor has something to read, or its peer is gone.
bool waitReadable(int fd, TimePoint until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Watchdog::now()).count();
    pollfd entry{fd, POLLIN, 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::clamp<long long>(left, 0, 3'600'000)));
    if (ready > 0) return true;
    if (ready == 0 && Watchdog::now() >= until) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool wantsKeepAlive(const HttpRequest& request) {
  if (!request.http11) return false;
  const Poco::StringTokenizer options(request.header("Connection"), ",",
                                      Poco::StringTokenizer::TOK_TRIM);
  return std::none_of(options.begin(), options.end(), [](const std::string& option) {
    return Poco::icompare(option, "close") == 0;
  });
}

}  // namespace

LargeBody::~LargeBody() {
  if (shared_ != nullptr) shared_->largeBodies -= bytes_;
}

void LargeBody::reserve(HttpServerShared& shared, std::size_t bytes) {
  const std::size_t limit = shared.options.largeBodies;
  if (limit == 0 || bytes <= kLargeBody) return;
  if (shared.largeBodies.fetch_add(bytes) + bytes > limit) {
    shared.largeBodies -= bytes;
    throw Problem(503, "too many large requests at once");
  }
  shared_ = &shared;
  bytes_ = bytes;
}

HttpConnection::HttpConnection(const Poco::Net::StreamSocket& socket, HttpServerShared& shared)
    : shared_(shared), socket_(socket), id_(shared.connections.add(fd())) {}

HttpConnection::~HttpConnection() {
  if (registered_) shared_.connections.remove(id_);
}

int HttpConnection::fd() const {
  return socket_.impl()->sockfd();
}

void HttpConnection::run() {
  const std::unique_ptr<HttpConnection> self(this);
  try {
    serve();
  } catch (const Poco::Exception& error) {
    // The peer went away in the middle, or its TLS handshake failed.
    shared_.log.debug("a connection ended early", {{"cause", error.displayText()}});
  } catch (const std::exception& error) {
    shared_.log.error("a connection failed", {{"cause", std::string(error.what())}});
  }
}

void HttpConnection::serve() {
  socket_.setNoDelay(true);
  const TimePoint accepted = Watchdog::now();
  if (!waitForBytes(std::min(shared_.options.idleBefore, shared_.options.requestDeadline))) return;
  if (shared_.options.tls) {
    // The handshake itself happens with the first read, under the first request's deadline.
    socket_ = Poco::Net::SecureStreamSocket::attach(socket_, shared_.options.tls());
  }
  TimePoint began = accepted;
  while (serveRequest(began + shared_.options.requestDeadline)) {
    if (!waitForBytes(trusted_ ? shared_.options.idleAfter : shared_.options.idleBefore)) return;
    began = Watchdog::now();
  }
}

bool HttpConnection::waitForBytes(Nanos atMost) {
  if (!input_.empty()) return true;
  // Bytes that OpenSSL has decrypted already are not seen by poll.
  if (socket_.secure() && socket_.available() > 0) return true;
  return waitReadable(fd(), Watchdog::now() + atMost);
}

bool HttpConnection::serveRequest(TimePoint deadline) {
  HttpRequest request;
  LargeBody room;
  std::optional<HttpResponse> response;
  try {
    // What is waited for in receive() ends by itself, with an answer. This is for a peer that stops
    // within a TLS record or handshake, and for one that does not take a "100 Continue".
    const Deadline guard(shared_.watchdog, deadline + kGrace, [this] {
      abort();
      return TimePoint::max();
    });
    if (!readRequest(request, room, deadline)) return false;
  } catch (const Problem& problem) {
    response = problemResponse(problem);
  }
  const bool readable = !response;
  if (readable) {
    shared_.connections.setServing(id_, true);
    response = answer(shared_.handler, request, shared_.log);
    shared_.connections.setServing(id_, false);
    if (response->status < 400 && !trusted_) {
      trusted_ = true;
      shared_.connections.trust(id_);
    }
  }
  if (shared_.options.onAnswer) shared_.options.onAnswer(response->status);
  const bool keepAlive = readable && wantsKeepAlive(request) && !response->takeSocket &&
                         !shared_.connections.stopping() && !shared_.draining;
  if (!sendResponse(*response, keepAlive, request.method != "HEAD")) return false;
  if (!keepAlive && !response->takeSocket) linger();
  return keepAlive;
}

bool HttpConnection::readRequest(HttpRequest& request, LargeBody& room, TimePoint deadline) {
  const std::size_t limit = shared_.options.limits.headBytes;
  std::size_t length = 0;
  while ((length = headLength(std::string_view(input_).substr(0, limit))) == 0) {
    if (input_.size() >= limit) {
      throw Problem(431, "the request head is larger than " + std::to_string(limit) + " bytes");
    }
    if (!receive(deadline)) return false;
  }
  request = parseHead(std::string_view(input_).substr(0, length));
  request.peer = socket_.peerAddress().toString();
  input_.erase(0, length);
  readBody(request, room, deadline);
  return true;
}

void HttpConnection::readBody(HttpRequest& request, LargeBody& room, TimePoint deadline) {
  const HttpLimits& limits = shared_.options.limits;
  const BodyFraming framing = bodyFraming(request, limits);
  // The length of a chunked body is not known before it has come.
  room.reserve(shared_, framing.chunked ? limits.bodyBytes : framing.length);
  const std::string& expect = request.header("Expect");
  if (!expect.empty() && request.http11) {
    if (Poco::icompare(expect, "100-continue") != 0) {
      throw Problem(417, "the only expectation understood here is 100-continue");
    }
    const bool bodyComes = framing.chunked || framing.length > 0;
    if (bodyComes && input_.empty()) send("HTTP/1.1 100 Continue\r\n\r\n");
  }
  ChunkedDecoder decoder(limits);
  for (;;) {
    if (framing.chunked) decoder.feed(input_);
    if (framing.chunked ? decoder.done() : input_.size() >= framing.length) break;
    if (!receive(deadline)) throw Problem(400, "the body ends before its announced length");
  }
  if (framing.chunked) {
    request.body = decoder.takeBody();
  } else {
    request.body = input_.substr(0, framing.length);
    input_.erase(0, framing.length);
  }
}

bool HttpConnection::receive(TimePoint deadline) {
  std::array<char, 8192> chunk{};
  for (int tries = 0; tries < 8; ++tries) {
    const bool decrypted = socket_.secure() && socket_.available() > 0;
    if (!decrypted && !waitReadable(fd(), deadline)) {
      throw Problem(408, "the request did not arrive in time");
    }
    const int n = socket_.receiveBytes(chunk.data(), static_cast<int>(chunk.size()));
    if (n > 0) {
      input_.append(chunk.data(), static_cast<std::size_t>(n));
      return true;
    }
    if (n == 0) return false;
    // Negative: TLS was busy with its own records; the read blocks again.
  }
  return false;
}

void HttpConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t part = std::min<std::size_t>(bytes.size(), 1 << 20);
    const int flags = socket_.secure() ? 0 : MSG_NOSIGNAL;
    const int n = socket_.sendBytes(bytes.data(), static_cast<int>(part), flags);
    if (n <= 0) throw Poco::IOException("nothing was sent");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool HttpConnection::sendResponse(HttpResponse& response, bool keepAlive, bool withBody) {
  const auto status = static_cast<Poco::Net::HTTPResponse::HTTPStatus>(response.status);
  Poco::Net::HTTPResponse head("HTTP/1.1", status);
  head.setDate(Poco::Timestamp());
  head.setContentType(response.contentType);
  for (const auto& [name, value] : response.headers) head.set(name, value);
  if (!keepAlive) head.set("Connection", "close");
  if (!response.takeSocket) {
    if (!response.body.empty() && response.body.back() != '\n') response.body += '\n';
    head.setContentLength64(static_cast<Poco::Int64>(response.body.size()));
  }
  std::ostringstream bytes;
  head.write(bytes);
  if (!response.takeSocket && withBody) bytes << response.body;

  {
    const Deadline deadline(shared_.watchdog, Watchdog::now() + shared_.options.requestDeadline,
                            [this] {
                              abort();
                              return TimePoint::max();
                            });
    send(bytes.str());
  }
  if (!response.takeSocket) return true;
  shared_.connections.remove(id_);
  registered_ = false;
  auto stream = std::make_unique<StreamSocket>(socket_);
  socket_ = Poco::Net::StreamSocket();  // From now on the stream's owner alone holds the socket.
  response.takeSocket(std::move(stream));
  return false;
}

void HttpConnection::abort() {
  // With a reset at the close, so that the kernel keeps nothing for a peer that does not read.
  const ::linger reset{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::shutdown(fd(), SHUT_RDWR);
}

void HttpConnection::linger() {
  if (socket_.secure()) {
    socket_.shutdown();  // close_notify, then both directions.
    return;
  }
  ::shutdown(fd(), SHUT_WR);
  std::array<char, 4096> scratch{};
  const TimePoint until = Watchdog::now() + std::chrono::seconds(1);
  while (waitReadable(fd(), until) && ::recv(fd(), scratch.data(), scratch.size(), 0) > 0) {
  }
}

}  // namespace dormouse
