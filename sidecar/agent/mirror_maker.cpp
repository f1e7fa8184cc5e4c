#include "agent/mirror_maker.h"

#include <utility>

#include "mirror/flow_mirror.h"
#include "mirror/packet_mirror.h"
#include "sink/frames_sink.h"
#include "sink/pcap_sink.h"
#include "sink/push_sink.h"
#include "sink/request_sink.h"

namespace dormouse::agent {
namespace {

sink::StreamOptions streamOptions(const Settings& settings) {
  sink::StreamOptions options;
  options.budget = settings.mirror.budgetBytes;
  return options;
}

std::unique_ptr<mirror::Sink> makeSink(const Settings& settings, wire::Format format,
                                       EventLoop& loop, std::unique_ptr<StreamSocket> socket,
                                       mirror::SinkListener& listener) {
  const sink::StreamOptions options = streamOptions(settings);
  if (format == wire::Format::kFrames) {
    return std::make_unique<sink::FramesSink>(loop, std::move(socket), listener, options);
  }
  return std::make_unique<sink::RequestSink>(
      loop, std::move(socket), listener,
      format == wire::Format::kHttp ? sink::makeHttpFormat() : sink::makeNdjsonFormat(), options);
}

}  // namespace

// A std::function must be copyable and a socket or a target is not: they are shared until the one
// call takes them out.

DataLoop::MirrorMaker makeStreamMirror(const Settings& settings,
                                       const mirror::MirrorIdentity& identity,
                                       std::unique_ptr<StreamSocket> socket) {
  auto held = std::make_shared<std::unique_ptr<StreamSocket>>(std::move(socket));
  if (identity.spec.format == wire::Format::kPcap) {
    return [&settings, identity, held](const DataLoop::Context& context, capture::LinkType link,
                                       reassembly::MirrorSlot) -> std::unique_ptr<mirror::Mirror> {
      return std::make_unique<mirror::PacketMirror>(
          identity, link, context.ownSockets, [&](mirror::PacketSinkListener& listener) {
            return std::make_unique<sink::PcapSink>(context.loop, std::move(*held), listener, link,
                                                    settings.capture.snaplen,
                                                    streamOptions(settings));
          });
    };
  }
  return [&settings, identity, held](
             const DataLoop::Context& context, capture::LinkType link,
             reassembly::MirrorSlot slot) -> std::unique_ptr<mirror::Mirror> {
    return std::make_unique<mirror::FlowMirror>(
        identity, link, context.table, slot, context.ownSockets,
        [&](mirror::SinkListener& listener) {
          return makeSink(settings, identity.spec.format, context.loop, std::move(*held), listener);
        });
  };
}

DataLoop::MirrorMaker makePushMirror(const Settings& settings,
                                     const mirror::MirrorIdentity& identity,
                                     std::unique_ptr<sink::Target> target, const Clock& clock) {
  auto held = std::make_shared<std::unique_ptr<sink::Target>>(std::move(target));
  return [&settings, &clock, identity, held](
             const DataLoop::Context& context, capture::LinkType link,
             reassembly::MirrorSlot slot) -> std::unique_ptr<mirror::Mirror> {
    sink::PushOptions options;
    options.budget = settings.mirror.budgetBytes;
    options.maxConnections = settings.mirror.maxPushConnections;
    options.linger = settings.mirror.linger;
    return std::make_unique<mirror::FlowMirror>(
        identity, link, context.table, slot, context.ownSockets,
        [&](mirror::SinkListener& listener) {
          return std::make_unique<sink::PushSink>(context.loop, clock, std::move(*held),
                                                  context.ownSockets, listener, options);
        });
  };
}

}  // namespace dormouse::agent
