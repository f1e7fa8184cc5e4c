// A sidecar's control API as a script: each call's answer is a function that writes to the socket.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/client/acceptor.h"
#include "wire/ledger.h"

namespace dormouse::client {

/// One call as it arrived, and the socket to answer on.
class Call {
 public:
  Call(std::string head, Poco::Net::StreamSocket socket)
      : head_(std::move(head)), socket_(std::move(socket)) {}

  const std::string& head() const { return head_; }
  /// Sends `bytes` in pieces of `chunk`, each a segment of its own; false if the peer is gone.
  bool send(std::string_view bytes, std::size_t chunk = SIZE_MAX);
  /// A head and body with a Content-Length.
  void answer(int status, const std::string& body, const std::string& type = "application/json");
  /// The head of a stream, after which the body is whatever is sent.
  void beginStream(const std::string& mirror = "m-0123456789ab");
  /// Returns when the client has closed its side.
  void awaitClose();
  /// Ends the connection by RST.
  void reset();

 private:
  std::string head_;
  Poco::Net::StreamSocket socket_;
};

/// Listens on a port of the kernel's choice; every call runs on a thread of its own. A call nobody
/// scripted is answered by 404. Ends every connection and joins at its end.
class FakeSidecar {
 public:
  using Script = std::function<void(Call&)>;
  /// TLS if `context` is given.
  explicit FakeSidecar(Poco::Net::Context::Ptr context = {});
  FakeSidecar(const FakeSidecar&) = delete;
  FakeSidecar& operator=(const FakeSidecar&) = delete;

  /// `start`: the beginning of the request line, such as "GET /v1/stream". Before the first call.
  void on(const std::string& start, Script script) { scripts_[start] = std::move(script); }
  std::string url() const;
  /// The heads of all calls so far.
  std::vector<std::string> calls() const;
  /// Waits until a call whose head begins so has come; false after 10 s.
  bool awaitCall(const std::string& start);

 private:
  void serve(Poco::Net::StreamSocket& socket);

  bool secure_;
  std::map<std::string, Script> scripts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  Acceptor acceptor_;  // The last: its threads use the others.
};

/// The arguments with those that lead the client straight to that sidecar.
std::vector<std::string> words(const FakeSidecar& sidecar, std::vector<std::string> more);

/// A mirror's report as the control API gives it.
std::string reportJson(const wire::Ledger& ledger, const std::string& state = "ended",
                       const std::string& verdict = "2 of 2 connections delivered");

/// A ledger in which `connections` connections and as many packets were delivered.
wire::Ledger deliveredLedger(std::uint64_t connections);

}  // namespace dormouse::client
