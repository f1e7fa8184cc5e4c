#include "client/local_http2.h"

#include <cerrno>
#include <system_error>

namespace dormouse::client {
namespace {

Endpoint endpointOf(const Poco::Net::SocketAddress& address) {
  return {IpAddress::parse(address.host().toString()).value_or(IpAddress()), address.port()};
}

replay::Http2Fields owned(const std::vector<wire::FieldView>& views) {
  replay::Http2Fields fields;
  fields.reserve(views.size());
  for (const wire::FieldView& view : views) fields.emplace_back(view.name, view.value);
  return fields;
}

replay::Http2ChannelOptions options(replay::Http2Watcher* watcher) {
  replay::Http2ChannelOptions options;
  options.watcher = watcher;
  options.linger = std::chrono::hours(24);  // onTime() says when it is over.
  return options;
}

}  // namespace

LocalHttp2::LocalHttp2(std::uint64_t connection, const Poco::Net::SocketAddress& to,
                       EventLoop& loop, const Clock& clock, BufferCap& cap, bool answers,
                       LocalEndListener& listener)
    : connection_(connection),
      to_(endpointOf(to)),
      clock_(clock),
      cap_(cap),
      listener_(listener),
      answers_(answers ? std::make_unique<LocalAnswers>(connection, listener) : nullptr),
      channel_({loop, clock, nullptr, *this, options(answers_.get())}, *this) {}

void LocalHttp2::request(const wire::RequestFrame& frame) {
  if (done_) {
    if (frame.part == wire::RequestPart::kEnd) {
      listener_.onLocalRequest(connection_, frame.request, Reason::kSinkClosed);
    }
    return;
  }
  switch (frame.part) {
    case wire::RequestPart::kHead:
      return channel_.begin(frame.request, owned(frame.fields));
    case wire::RequestPart::kBody:
      return channel_.body(frame.request, frame.bytes);
    case wire::RequestPart::kEnd:
      return channel_.end(frame.request, owned(frame.fields));
    case wire::RequestPart::kCancel:
      return channel_.cancel(frame.request);
  }
}

void LocalHttp2::flush() {
  if (done_) return;
  channel_.pump();
  report();
}

void LocalHttp2::finish() {
  if (done_) return;
  finishedAt_ = clock_.now();
  channel_.finish();
  flush();
}

void LocalHttp2::cut(Reason reason) {
  cutFor_ = reason;
  finish();
}

void LocalHttp2::giveUp(Reason reason) {
  if (done_) return;
  const bool finished = finishedAt_ != TimePoint::max();
  if (finished && channel_.idle()) reason = Reason::kNone;
  settle(channel_.fate().value_or(reason));
}

void LocalHttp2::onTime(TimePoint now, Nanos linger) {
  if (done_) return;
  if (now >= channel_.deadline()) channel_.expire();
  report();
  // Without a limit as long as requests wait to be sent: the program may stand in a debugger.
  const bool late = finishedAt_ != TimePoint::max() && now - finishedAt_ >= linger;
  if (late && channel_.idle()) giveUp(Reason::kNone);
}

void LocalHttp2::onNotTaken(const Endpoint&, int error) {
  listener_.onLocalRefused(connection_, error == EPROTO ? "it does not speak HTTP/2 in cleartext"
                                                        : std::generic_category().message(error));
}

void LocalHttp2::onChannelEvent() {
  if (!done_) report();
}

void LocalHttp2::report() {
  for (const auto& [number, request] : channel_.takeFates()) {
    listener_.onLocalRequest(connection_, number, request);
  }
  const std::optional<Reason> fate = channel_.fate();
  if (!done_ && fate) settle(*fate);
}

void LocalHttp2::settle(Reason fate) {
  done_ = true;
  for (const std::uint32_t number : channel_.undelivered()) {
    listener_.onLocalRequest(connection_, number,
                             fate == Reason::kNone ? Reason::kSinkClosed : fate);
  }
  listener_.onLocalDone(connection_, cutFor_ != Reason::kNone ? cutFor_ : fate);
}

}  // namespace dormouse::client
