#include "sink/push_http2.h"

#include "sink/http2_head.h"

namespace dormouse::sink {
namespace {

replay::Http2Fields owned(const std::vector<wire::FieldView>& views) {
  replay::Http2Fields fields;
  fields.reserve(views.size());
  for (const wire::FieldView& view : views) fields.emplace_back(view.name, view.value);
  return fields;
}

replay::Http2ChannelOptions optionsOf(const PushOptions& options) {
  return {options.connectTimeout, options.linger, options.sendBuffer};
}

}  // namespace

PushHttp2::PushHttp2(const PushContext& context, mirror::ConnectionHandle handle)
    : context_(context),
      handle_(handle),
      channel_(
          {context.loop, context.clock, &context.ownSockets, *this, optionsOf(context.options)},
          *this) {}

Reason PushHttp2::beginRequest(std::uint32_t number, const mirror::RequestInfo& request) {
  channel_.begin(number, owned(http2Fields(request.head)));
  return Reason::kNone;
}

Reason PushHttp2::requestBody(std::uint32_t number, std::span<const std::uint8_t>,
                              std::span<const std::uint8_t> content) {
  channel_.body(number, content);
  return Reason::kNone;
}

void PushHttp2::endRequest(std::uint32_t number, std::span<const http::HeaderField> trailers) {
  channel_.end(number, owned(http2Fields(trailers)));
}

std::optional<Reason> PushHttp2::flush() {
  channel_.pump();
  deadline_ = channel_.deadline();
  return channel_.fate();
}

std::optional<Reason> PushHttp2::end() {
  ended_ = true;
  channel_.finish();
  return flush();
}

std::optional<Reason> PushHttp2::expire() {
  channel_.expire();
  deadline_ = channel_.deadline();
  return channel_.fate();
}

Reason PushHttp2::settleNow() {
  if (const auto fate = channel_.fate()) return *fate;
  return ended_ && channel_.idle() ? Reason::kNone : Reason::kMirrorEnded;
}

void PushHttp2::onNotTaken(const Endpoint& peer, int error) {
  context_.owner.onNotTaken(peer, error);
}

void PushHttp2::onChannelEvent() {
  deadline_ = channel_.deadline();
  context_.owner.onLinkEvent(handle_, channel_.fate());  // Perhaps the end of this object.
}

}  // namespace dormouse::sink
