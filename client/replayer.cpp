#include "client/replayer.h"

#include "client/local_connection.h"
#include "client/local_http2.h"
#include "client/local_udp.h"
#include "client/tally.h"

namespace dormouse::client {
namespace {

constexpr Nanos kLinger = std::chrono::seconds(60);
constexpr Nanos kLingerAfterEnd = std::chrono::seconds(2);
constexpr Nanos kCheckEvery = std::chrono::milliseconds(500);
// As many as a sidecar's connection table holds at most; twice, as its closes may lag behind.
constexpr std::size_t kMostConnections = 2 << 16;
// Unfinished ones of one connection; as many as a sidecar's parser holds at most, twice.
constexpr std::size_t kMostRequests = 2 << 10;

}  // namespace

bool LocalAccount::complete() const {
  return client::complete(connections) && client::complete(requests);
}

void LocalAccount::add(const LocalAccount& more) {
  client::add(connections, more.connections);
  client::add(requests, more.requests);
  bytes += more.bytes;
}

Replayer::Replayer(LocalPorts& ports, EventLoop& loop, const Clock& clock, ResponseMatcher* matcher)
    : ports_(ports),
      loop_(loop),
      clock_(clock),
      matcher_(matcher),
      linger_(kLinger),
      nextCheck_(clock.now() + kCheckEvery) {}

void Replayer::onOpen(const wire::OpenFrame& frame) {
  const Poco::Net::SocketAddress* target = ports_.find(frame.server.port);
  if (target == nullptr) {
    throw wire::FrameError("the stream brings port " + std::to_string(frame.server.port) +
                           ", which is not mirrored");
  }
  if (entries_.size() >= kMostConnections) {
    throw wire::FrameError("the stream opens more connections than a sidecar can hold");
  }
  const auto [place, isNew] = entries_.try_emplace(frame.connection);
  if (!isNew) throw wire::FrameError("the stream opens a connection that is open already");
  ++account_.connections.seen;
  ++account_.connections.open;
  Entry& entry = place->second;
  entry.target = target;
  entry.http2 = frame.http2;
  if (matcher_ != nullptr && frame.protocol == wire::Protocol::kTcp) {
    matcher_->open(frame.connection);
  }
  LocalEndListener& listener = *this;
  if (frame.protocol == wire::Protocol::kUdp) {
    entry.end = std::make_unique<LocalUdp>(frame.connection, *target, loop_, listener);
  } else if (frame.http2) {
    entry.end = std::make_unique<LocalHttp2>(frame.connection, *target, loop_, clock_, ports_.cap(),
                                             matcher_ != nullptr, listener);
  } else {
    entry.end = std::make_unique<LocalConnection>(frame.connection, *target, loop_, clock_,
                                                  ports_.cap(), listener);
  }
}

void Replayer::onData(std::uint64_t connection, std::span<const std::uint8_t> bytes) {
  Entry& entry = entryOf(connection, "data");
  if (entry.http2) throw wire::FrameError("the stream brings data of an HTTP/2 connection");
  if (matcher_ != nullptr) matcher_->request(connection, bytes);
  if (entry.end) entry.end->write(bytes);
}

void Replayer::onRequest(const wire::RequestFrame& frame) {
  Entry& entry = entryOf(frame.connection, "a request");
  if (!entry.http2) {
    throw wire::FrameError("the stream brings a request of a connection that is not HTTP/2");
  }
  const bool begins = frame.part == wire::RequestPart::kHead;
  // The client may give up waiting for an answer after the end, or of what was not selected.
  const bool cancels = frame.part == wire::RequestPart::kCancel;
  if (!cancels && begins != (entry.requests.count(frame.request) == 0)) {
    throw wire::FrameError(begins ? "the stream begins a request twice"
                                  : "the stream brings a part of a request that has not begun");
  }
  if (begins && entry.requests.size() >= kMostRequests) {
    throw wire::FrameError("the stream begins more requests than a sidecar can hold");
  }
  if (begins) entry.requests.insert(frame.request);
  if (begins && matcher_ != nullptr) matcher_->begin(frame);
  const bool ends = frame.part == wire::RequestPart::kEnd;
  if (ends || cancels) entry.requests.erase(frame.request);
  if (ends) {
    ++account_.requests.seen;
    ++account_.requests.open;
  }
  if (!entry.end) {
    if (ends) onLocalRequest(frame.connection, frame.request, Reason::kSinkClosed);
    return;
  }
  entry.end->request(frame);
  if (!std::exchange(entry.touched, true)) touched_.push_back(frame.connection);
}

void Replayer::onClose(const wire::CloseFrame& frame) {
  Entry& entry = entryOf(frame.connection, "the close");
  if (matcher_ != nullptr) matcher_->closed(frame.connection);
  entry.closed = true;
  if (!entry.end) {
    entries_.erase(frame.connection);  // Its fate was told when its local end went.
  } else if (frame.reason == Reason::kNone) {
    // Also after a reset of the original: every byte came, and the local program is to see them.
    entry.end->finish();
  } else {
    entry.end->cut(frame.reason);
  }
}

void Replayer::onResponse(const wire::ResponseFrame& frame) {
  if (matcher_ != nullptr) matcher_->podResponse(frame);
}

void Replayer::onLedger(std::string_view json) {
  if (!ledgerJson_.empty()) throw wire::FrameError("the stream brings a second ledger");
  ledgerJson_ = json;
}

Replayer::Entry& Replayer::entryOf(std::uint64_t connection, const char* record) {
  const auto entry = entries_.find(connection);
  if (entry == entries_.end() || entry->second.closed) {
    throw wire::FrameError(std::string("the stream brings ") + record +
                           " of a connection that is not open");
  }
  return entry->second;
}

void Replayer::onLocalAnswer(std::uint64_t connection, std::span<const std::uint8_t> bytes) {
  if (matcher_ == nullptr) return;
  if (bytes.empty()) {
    matcher_->localEnded(connection, Reason::kNone);
  } else {
    matcher_->localResponse(connection, bytes);
  }
}

void Replayer::onLocalDone(std::uint64_t connection, Reason fate) {
  // It may have been cut in its answer by our own impatience, even if it got every byte.
  if (matcher_ != nullptr) {
    matcher_->localEnded(connection, fate == Reason::kNone ? Reason::kUnanswered : fate);
  }
  account_.connections.settle(fate);
  const auto entry = entries_.find(connection);
  // The end may still be in its constructor or in a call from its own handler: tend() destroys it.
  done_.push_back(connection);
  if (fate == Reason::kNone && entry != entries_.end()) {
    ports_.noteTaken(*entry->second.target);
  }
}

void Replayer::onLocalRefused(std::uint64_t connection, const std::string& detail) {
  ports_.noteRefused(*entries_.at(connection).target, detail);
}

void Replayer::onLocalRequest(std::uint64_t connection, std::uint32_t request, Reason fate) {
  account_.requests.settle(fate);
  if (fate != Reason::kNone && matcher_ != nullptr) {
    matcher_->localHttp2Answer(connection, request, nullptr, fate);
  }
}

void Replayer::onLocalHttp2Answer(std::uint64_t connection, std::uint32_t request,
                                  http::PairedResponse* answer, Reason missing) {
  if (matcher_ != nullptr) matcher_->localHttp2Answer(connection, request, answer, missing);
}

void Replayer::tend(TimePoint now) {
  for (const std::uint64_t connection : std::exchange(touched_, {})) {
    const auto entry = entries_.find(connection);
    if (entry == entries_.end()) continue;
    entry->second.touched = false;
    if (entry->second.end) entry->second.end->flush();
  }
  if (now >= nextCheck_) {
    nextCheck_ = now + kCheckEvery;
    for (auto& [connection, entry] : entries_) {
      if (entry.end) entry.end->onTime(now, linger_);
    }
  }
  for (const std::uint64_t connection : done_) {
    const auto entry = entries_.find(connection);
    if (entry == entries_.end()) continue;
    entry->second.end.reset();
    if (entry->second.closed) entries_.erase(entry);
  }
  done_.clear();
}

void Replayer::streamEnded() {
  linger_ = kLingerAfterEnd;
  if (matcher_ != nullptr) matcher_->podEnded();
  for (auto& [connection, entry] : entries_) {
    if (!entry.closed && entry.end) entry.end->cut(Reason::kMirrorEnded);
    entry.closed = true;
  }
  std::erase_if(entries_, [](const auto& item) { return item.second.end == nullptr; });
}

void Replayer::giveUp() {
  for (auto& [connection, entry] : entries_) {
    if (entry.end) entry.end->giveUp(Reason::kMirrorEnded);
  }
}

}  // namespace dormouse::client
