// From decoded records to local connections, with an account of what became of them.
#pragma once

#include <Poco/Net/SocketAddress.h>

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/local_end.h"
#include "client/local_ports.h"
#include "client/response_matcher.h"
#include "common/event_loop.h"
#include "wire/frames.h"
#include "wire/ledger.h"

namespace dormouse::client {

/// What the client itself did with what the stream brought.
struct LocalAccount {
  wire::Account connections;  // seen: opened by the stream.
  wire::Account requests;     // Of HTTP/2 alone; seen: the stream brought their end.
  std::uint64_t bytes = 0;    // Taken by local programs.

  /// Nothing was lost here.
  bool complete() const;
  void add(const LocalAccount& more);
};

/// Opens one local connection per mirrored one. One thread only. A local end's failure is that
/// connection's alone; a record that makes no sense (data of a connection that is not open) throws
/// wire::FrameError out of the decoder.
class Replayer final : public wire::FrameHandler, private LocalEndListener {
 public:
  /// `matcher`: null unless responses are compared. All must outlive this.
  Replayer(LocalPorts& ports, EventLoop& loop, const Clock& clock, ResponseMatcher* matcher);

  void onOpen(const wire::OpenFrame& frame) override;
  void onData(std::uint64_t connection, std::span<const std::uint8_t> bytes) override;
  void onRequest(const wire::RequestFrame& frame) override;
  void onClose(const wire::CloseFrame& frame) override;
  void onLedger(std::string_view json) override;
  void onHeartbeat() override {}
  void onResponse(const wire::ResponseFrame& frame) override;

  /// To be called after each round of the loop: destroys what is over, ends what waited too long.
  void tend(TimePoint now);
  /// The stream is over: connections it did not close are cut as mirror-ended, and local programs
  /// get less time to close their side.
  void streamEnded();
  /// No time left: ends every local connection now.
  void giveUp();
  /// Every connection has its fate.
  bool idle() const { return account_.connections.open == 0; }

  const LocalAccount& account() const { return account_; }
  /// The last record, empty if it has not come.
  const std::string& ledgerJson() const { return ledgerJson_; }

 private:
  struct Entry {
    std::unique_ptr<LocalEnd> end;  // Null once it is over.
    const Poco::Net::SocketAddress* target = nullptr;
    bool closed = false;               // The stream has closed it.
    bool http2 = false;                // It brings requests.
    bool touched = false;              // It stands in touched_.
    std::set<std::uint32_t> requests;  // That have begun and are not over.
  };

  void onLocalDone(std::uint64_t connection, Reason fate) override;
  void onLocalRefused(std::uint64_t connection, const std::string& detail) override;
  void onLocalRequest(std::uint64_t connection, std::uint32_t request, Reason fate) override;
  void onLocalWritten(std::uint64_t bytes) override { account_.bytes += bytes; }
  void onLocalAnswer(std::uint64_t connection, std::span<const std::uint8_t> bytes) override;
  void onLocalHttp2Answer(std::uint64_t connection, std::uint32_t request,
                          http::PairedResponse* answer, Reason missing) override;
  Entry& entryOf(std::uint64_t connection, const char* record);

  LocalPorts& ports_;
  EventLoop& loop_;
  const Clock& clock_;
  ResponseMatcher* const matcher_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::vector<std::uint64_t> touched_;  // Ends that have got requests since tend().
  std::vector<std::uint64_t> done_;     // Ends that are over, to be destroyed by tend().
  LocalAccount account_;
  std::string ledgerJson_;
  Nanos linger_;
  TimePoint nextCheck_;
};

}  // namespace dormouse::client
