#include "sink/push_sink.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "sink/push_connection.h"
#include "sink/push_flow.h"
#include "sink/push_http2.h"

namespace dormouse::sink {

PushSink::PushSink(EventLoop& loop, const Clock& clock, std::unique_ptr<Target> target,
                   mirror::OwnSockets& ownSockets, mirror::SinkListener& listener,
                   PushOptions options)
    : clock_(clock),
      target_(std::move(target)),
      listener_(listener),
      options_(options),
      budget_(options.budget),
      reserve_(budget_),
      context_{*this, loop, clock, budget_, ownSockets, options_} {}

Reason PushSink::open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) {
  if (finished_) return Reason::kMirrorEnded;
  if (count_ >= options_.maxConnections) return Reason::kOverBudget;
  std::unique_ptr<PushLink> link;
  if (info.http2) {
    link = std::make_unique<PushHttp2>(context_, handle);
  } else {
    const std::optional<Endpoint> to = nextEndpoint();
    if (!to) return Reason::kSinkRefused;
    if (info.protocol == wire::Protocol::kTcp) {
      link = std::make_unique<PushConnection>(context_, handle);
    } else {
      link = std::make_unique<PushFlow>(context_, handle);
    }
    if (link->connect(*to) != 0) {
      onNotTaken(link->peer(), link->error());
      return Reason::kSinkRefused;
    }
  }
  if (handle >= slots_.size()) slots_.resize(handle + std::size_t{1});
  slots_[handle].link = std::move(link);
  ++count_;
  retime(handle);
  return Reason::kNone;
}

std::optional<Endpoint> PushSink::nextEndpoint() {
  std::optional<Endpoint> to = target_->next(clock_.now());
  if (!to) {
    ++failures_.notAllowed;
    trouble_ = target_->refusal();
  }
  return to;
}

Reason PushSink::data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) {
  reserve_.use(handle, bytes.size());
  touch(handle);
  return judge(handle, slots_[handle].link->write(bytes));
}

Reason PushSink::judge(mirror::ConnectionHandle handle, Reason fate) {
  if (fate == Reason::kNone) return fate;
  tellRequests(handle);
  tellOpen(handle, fate);
  drop(handle, fate);
  return fate;
}

void PushSink::touch(mirror::ConnectionHandle handle) {
  if (!std::exchange(slots_[handle].touched, true)) touched_.push_back(handle);
}

Reason PushSink::judgeRequest(const mirror::RequestInfo& request) {
  // Of one that is larger than that, its beginning is on its way before its end comes.
  const std::size_t whole = http::sizeUpTo(request.head, options_.budget / 2);
  const bool fits = whole <= budget_.limit() - budget_.used() && reserve_.fits(request.head);
  return fits ? Reason::kNone : Reason::kOverBudget;
}

Reason PushSink::beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) {
  touch(id.connection);
  if (!request.head.isHttp2()) {
    reserve_.begin(id.connection, request.head);
    reserve_.use(id.connection, request.head.bytes.size());
  }
  return judge(id.connection, slots_[id.connection].link->beginRequest(id.number, request));
}

Reason PushSink::requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                             std::span<const std::uint8_t> content) {
  reserve_.use(id.connection, raw.size());
  touch(id.connection);
  return judge(id.connection, slots_[id.connection].link->requestBody(id.number, raw, content));
}

void PushSink::endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) {
  reserve_.end(id.connection);
  touch(id.connection);
  slots_[id.connection].link->endRequest(id.number, trailers);
}

void PushSink::cancelRequest(mirror::RequestId id, Reason) {
  touch(id.connection);
  slots_[id.connection].link->cancelRequest(id.number);
}

void PushSink::close(mirror::ConnectionHandle handle, Reason reason, bool) {
  std::optional<Reason> fate = reason;
  if (reason == Reason::kNone) {
    fate = slots_[handle].link->end();
  } else {
    slots_[handle].link->flush();  // Requests that were whole before the cut.
  }
  if (!fate) {
    touch(handle);
    retime(handle);
    return;
  }
  PushLink& link = *slots_[handle].link;
  for (const auto& [number, one] : link.takeFates()) settled_.push_back({{handle, number}, one});
  for (const std::uint32_t number : link.takeOpen()) {
    settled_.push_back({{handle, number}, *fate});
  }
  drop(handle, *fate);
  deferred_.emplace_back(handle, *fate);
}

TimePoint PushSink::flush(TimePoint now) {
  for (const mirror::ConnectionHandle handle : std::exchange(touched_, {})) {
    slots_[handle].touched = false;
    if (!slots_[handle].link) continue;
    onLinkEvent(handle, slots_[handle].link->flush());
  }
  tellDeferred();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const mirror::ConnectionHandle handle = timers_.begin()->second;
    onLinkEvent(handle, slots_[handle].link->expire());
  }
  return timers_.empty() ? TimePoint::max() : timers_.begin()->first;
}

void PushSink::tellRequests(mirror::ConnectionHandle handle) {
  if (!slots_[handle].link) return;
  for (const auto& [number, fate] : slots_[handle].link->takeFates()) {
    listener_.onRequestSettled({handle, number}, fate);
  }
}

void PushSink::tellOpen(mirror::ConnectionHandle handle, Reason fate) {
  for (const std::uint32_t number : slots_[handle].link->takeOpen()) {
    listener_.onRequestSettled({handle, number}, fate);
  }
}

void PushSink::finish(const std::function<std::string()>&) {
  tellDeferred();
  finished_ = true;
  for (mirror::ConnectionHandle handle = 0; handle < slots_.size(); ++handle) {
    if (slots_[handle].link) onLinkEvent(handle, slots_[handle].link->settleNow());
  }
}

void PushSink::onLinkEvent(mirror::ConnectionHandle handle, std::optional<Reason> fate) {
  tellRequests(handle);
  if (!fate) {
    retime(handle);
    return;
  }
  tellOpen(handle, *fate);
  drop(handle, *fate);
  listener_.onSettled(handle, *fate);
}

void PushSink::retime(mirror::ConnectionHandle handle) {
  Slot& slot = slots_[handle];
  const TimePoint deadline = slot.link ? slot.link->deadline() : TimePoint::max();
  if (deadline == slot.timer) return;
  if (slot.timer != TimePoint::max()) timers_.erase({slot.timer, handle});
  if (deadline != TimePoint::max()) timers_.emplace(deadline, handle);
  slot.timer = deadline;
}

void PushSink::drop(mirror::ConnectionHandle handle, Reason fate) {
  const PushLink& link = *slots_[handle].link;
  if (fate == Reason::kSinkRefused && !link.failureTold()) onNotTaken(link.peer(), link.error());
  slots_[handle].link.reset();
  reserve_.end(handle);
  --count_;
  retime(handle);
}

void PushSink::tellDeferred() {
  for (const auto& [request, fate] : std::exchange(settled_, {})) {
    listener_.onRequestSettled(request, fate);
  }
  for (const auto& [handle, fate] : std::exchange(deferred_, {})) listener_.onSettled(handle, fate);
}

void PushSink::onNotTaken(const Endpoint& peer, int error) {
  const std::string where = target_->describe(peer);
  switch (error) {
    case ECONNREFUSED:
      ++failures_.refused;
      trouble_ = "nothing listens on " + where;
      break;
    case EPROTO:
      ++failures_.other;
      trouble_ = where + " does not speak HTTP/2";
      break;
    case ETIMEDOUT:
      ++failures_.timedOut;
      trouble_ = where + " does not answer";
      break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
      ++failures_.unreachable;
      trouble_ = where + " cannot be reached";
      break;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:         // No epoll watch left.
    case EADDRNOTAVAIL:  // No local port left.
      ++failures_.resources;
      trouble_ = "the sidecar has no sockets left for " + where + " (" +
                 std::generic_category().message(error) + ")";
      return;  // Not the target's fault.
    default:
      ++failures_.other;
      trouble_ = where + " failed: " + std::generic_category().message(error);
      break;
  }
  target_->failed(peer);
}

}  // namespace dormouse::sink
