#include "client/control_client.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLManager.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string_view>

#include "common/quote.h"
#include "wire/strict_json.h"

namespace dormouse::client {
namespace {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using Seconds = std::chrono::seconds;

constexpr std::size_t kMaxHeadBytes = 64 << 10;
constexpr std::size_t kMaxBodyBytes = 256 << 10;
constexpr Seconds kConnectTimeout{5};
constexpr Seconds kWakeTimeout{20};  // Opening a capture takes tens of milliseconds; clouds more.
constexpr Seconds kCallTimeout{5};
constexpr std::chrono::milliseconds kSlice{100};  // Of waiting, between two looks for Ctrl-C.

Poco::Timespan timespan(std::chrono::steady_clock::duration duration) {
  return {std::chrono::duration_cast<std::chrono::microseconds>(duration).count()};
}

// Receives with one deadline for everything: Poco's time-outs are per read, so that a server that
// dribbles would hold the client for ever.
class TimedReader {
 public:
  TimedReader(Poco::Net::StreamSocket& socket, Seconds limit, std::function<bool()> cancelled)
      : socket_(socket),
        deadline_(std::chrono::steady_clock::now() + limit),
        cancelled_(std::move(cancelled)) {}

  /// Appends what comes next; false at the end of the stream. Throws Poco's exceptions.
  bool read(std::string& to) {
    do {
      if (cancelled_()) throw ControlError("stopped before it answered");
      if (std::chrono::steady_clock::now() >= deadline_) throw Poco::TimeoutException();
    } while (!socket_.poll(timespan(kSlice), Poco::Net::Socket::SELECT_READ));
    socket_.setReceiveTimeout(timespan(Seconds(1)));  // TLS: half a record has come.
    std::array<char, 8192> buffer{};
    const int n = socket_.receiveBytes(buffer.data(), static_cast<int>(buffer.size()));
    if (n < 0) throw Poco::TimeoutException();
    to.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

 private:
  Poco::Net::StreamSocket& socket_;
  std::chrono::steady_clock::time_point deadline_;
  std::function<bool()> cancelled_;
};

struct Answer {
  HTTPResponse head;
  std::string body;  // As much of it as came along with the head.
};

void sendRequest(Poco::Net::StreamSocket& socket, const Poco::URI& url, const std::string& method,
                 const std::string& target, const std::string& token) {
  // HTTP/1.0 on purpose: it forbids the answer chunks (RFC 9112, 6.1), so that the body of a stream
  // is the stream itself until the connection closes.
  HTTPRequest request(method, target, HTTPRequest::HTTP_1_0);
  request.setHost(url.getHost(), url.getPort());
  request.set("Authorization", "Bearer " + token);
  request.set("User-Agent", "kubectl-mirror/" DORMOUSE_VERSION);
  std::ostringstream text;
  request.write(text);
  const std::string bytes = text.str();
  for (std::size_t sent = 0; sent < bytes.size();) {
    const int n = socket.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent));
    if (n <= 0) throw Poco::TimeoutException();
    sent += static_cast<std::size_t>(n);
  }
}

Answer readHead(TimedReader& reader) {
  std::string text;
  std::size_t end = std::string::npos;
  while ((end = text.find("\r\n\r\n")) == std::string::npos) {
    if (text.size() > kMaxHeadBytes) throw ControlError("it answers with an endless head");
    if (!reader.read(text)) throw ControlError("it closed the connection without an answer");
  }
  Answer answer;
  std::istringstream head(text.substr(0, end + 4));
  try {
    answer.head.read(head);
  } catch (const Poco::Exception&) {
    throw ControlError("it does not answer in HTTP");
  }
  if (answer.head.has("Transfer-Encoding")) throw ControlError("it answers HTTP/1.0 with chunks");
  answer.body = text.substr(end + 4);
  return answer;
}

void readBody(TimedReader& reader, Answer& answer) {
  const auto length = answer.head.getContentLength64();  // UNKNOWN_CONTENT_LENGTH is -1.
  const auto whole = [&] {
    return length >= 0 && answer.body.size() >= static_cast<std::size_t>(length);
  };
  while (!whole() && reader.read(answer.body)) {
    if (answer.body.size() > kMaxBodyBytes) throw ControlError("its answer is too long");
  }
  if (length >= 0) {
    if (!whole()) throw ControlError("its answer breaks off");
    answer.body.resize(static_cast<std::size_t>(length));
  }
}

// RFC 9457: the sentence is in "detail". What is no problem document gets its status line.
[[noreturn]] void refuse(const Answer& answer) {
  std::string sentence;
  try {
    const auto problem = wire::parseStrictObject(answer.body, 16);
    sentence = wire::jsonString(problem->get("detail")).value_or("");
  } catch (const std::invalid_argument&) {
    // Not the sidecar's own answer, or one from before its handlers: the status says it.
  }
  if (sentence.empty()) sentence = answer.head.getReason();
  const int status = static_cast<int>(answer.head.getStatus());
  throw ControlError(std::to_string(status) + ": " + printable(sentence), status);
}

std::string streamMirror(const HTTPResponse& head) {
  const std::string id = head.get("Dormouse-Mirror", "");
  const bool valid =
      !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      });
  if (!valid) throw ControlError("its answer names no mirror: is this a Dormouse sidecar?");
  return id;
}

Poco::Net::Context::Ptr tlsContext(const TlsOptions& tls) {
  using Poco::Net::Context;
  Poco::Net::initializeSSL();
  Context::Ptr context = new Context(Context::TLS_CLIENT_USE, "", "", tls.caFile,
                                     tls.skipVerify ? Context::VERIFY_NONE : Context::VERIFY_STRICT,
                                     9, tls.caFile.empty());
  context->requireMinimumProtocol(Context::PROTO_TLSV1_2);
  // Poco ignores what OpenSSL makes of its parameters; left in this thread's queue, it would be
  // taken for the next socket's error.
  ERR_clear_error();
  return context;
}

}  // namespace

ControlClient::ControlClient(const std::string& url, std::string token, const TlsOptions& tls)
    : token_(std::move(token)) {
  try {
    url_ = Poco::URI(url);
    if (url_.getScheme() == "https") context_ = tlsContext(tls);
  } catch (const Poco::URISyntaxException&) {
    throw ControlError(inQuotes(url) + " is no URL");
  } catch (const Poco::Exception& error) {
    throw ControlError("TLS cannot be set up: " + printable(error.displayText()));
  }
  const std::string& scheme = url_.getScheme();
  if ((scheme != "http" && scheme != "https") || url_.getHost().empty() || url_.getPort() == 0) {
    throw ControlError(inQuotes(url) +
                       " is no URL of a sidecar; wanted is one such as http://127.0.0.1:4747");
  }
  prefix_ = url_.getPath();
  while (prefix_.ends_with('/')) prefix_.pop_back();
}

std::string ControlClient::where() const {
  return "the sidecar at " + printable(url_.getScheme() + "://" + url_.getAuthority(), 200) + ": ";
}

Poco::Net::StreamSocket ControlClient::connect() const {
  const Poco::Net::SocketAddress address(url_.getHost(), url_.getPort());
  if (!context_) {
    Poco::Net::StreamSocket socket;
    socket.connect(address, timespan(kConnectTimeout));
    return socket;
  }
  Poco::Net::SecureStreamSocket socket(context_);
  socket.setPeerHostName(url_.getHost());
  socket.connect(address, timespan(kConnectTimeout));
  return socket;
}

OpenedStream ControlClient::openStream(const wire::MirrorSpec& spec,
                                       const std::function<bool()>& cancelled) const {
  try {
    OpenedStream stream;
    stream.socket = connect();
    sendRequest(stream.socket, url_, HTTPRequest::HTTP_GET,
                prefix_ + "/v1/stream?" + wire::toQuery(spec), token_);
    TimedReader reader(stream.socket, kWakeTimeout, cancelled);
    Answer answer = readHead(reader);
    if (answer.head.getStatus() != HTTPResponse::HTTP_OK) {
      readBody(reader, answer);
      refuse(answer);
    }
    stream.mirror = streamMirror(answer.head);
    stream.early.assign(answer.body.begin(), answer.body.end());
    return stream;
  } catch (const ControlError& error) {
    throw ControlError(where() + error.what(), error.status());
  } catch (const Poco::TimeoutException&) {
    throw ControlError(where() + "no answer in time");
  } catch (const Poco::Exception& error) {
    throw ControlError(where() + printable(error.displayText()));
  }
}

// `parse` makes something of the body of a 200; it throws std::invalid_argument if it cannot.
template <typename Parse>
auto ControlClient::call(const std::string& method, const std::string& path,
                         const Parse& parse) const {
  try {
    Poco::Net::StreamSocket socket = connect();
    sendRequest(socket, url_, method, prefix_ + path, token_);
    TimedReader reader(socket, kCallTimeout, [] { return false; });
    Answer answer = readHead(reader);
    readBody(reader, answer);
    if (answer.head.getStatus() != HTTPResponse::HTTP_OK) refuse(answer);
    return parse(answer.body);
  } catch (const ControlError& error) {
    throw ControlError(where() + error.what(), error.status());
  } catch (const std::invalid_argument& error) {
    throw ControlError(where() + error.what());
  } catch (const Poco::TimeoutException&) {
    throw ControlError(where() + "no answer in time");
  } catch (const Poco::Exception& error) {
    throw ControlError(where() + printable(error.displayText()));
  }
}

Report ControlClient::find(const std::string& id) const {
  return call(HTTPRequest::HTTP_GET, "/v1/mirrors/" + id, parseReport);
}

Report ControlClient::remove(const std::string& id) const {
  return call(HTTPRequest::HTTP_DELETE, "/v1/mirrors/" + id, parseReport);
}

std::size_t ControlClient::removeAll() const {
  return call(HTTPRequest::HTTP_DELETE, "/v1/mirrors", countMirrors);
}

std::string ControlClient::statusText() const {
  return call(HTTPRequest::HTTP_GET, "/v1/status", [](const std::string& body) {
    parseAgentState(body);
    return body;
  });
}

}  // namespace dormouse::client
