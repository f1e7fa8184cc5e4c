#include "agent/mirror_maker.h"

#include <utility>

#include "http/request_filter.h"
#include "mirror/flow_mirror.h"
#include "mirror/packet_mirror.h"
#include "mirror/redactions.h"
#include "mirror/request_editor.h"
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

std::unique_ptr<mirror::Sink> makeSink(const Settings& settings, const wire::MirrorSpec& spec,
                                       EventLoop& loop, std::unique_ptr<StreamSocket> socket,
                                       mirror::SinkListener& listener) {
  sink::StreamOptions options = streamOptions(settings);
  options.responses = spec.responses;
  if (spec.format == wire::Format::kFrames) {
    return std::make_unique<sink::FramesSink>(loop, std::move(socket), listener, options);
  }
  return std::make_unique<sink::RequestSink>(
      loop, std::move(socket), listener,
      spec.format == wire::Format::kHttp ? sink::makeHttpFormat() : sink::makeNdjsonFormat(),
      options);
}

/// The mirror's sink, behind an editor if the mirror edits.
std::unique_ptr<mirror::Sink> behindEditor(const Settings& settings,
                                           const mirror::MirrorIdentity& identity,
                                           mirror::SinkListener& listener,
                                           const mirror::RequestEditor::SinkFactory& makeSink) {
  if (identity.spec.redact.empty() && !identity.spec.mark) return makeSink(listener);
  mirror::EditorOptions options;
  options.maxBody = settings.mirror.redactBytes;
  if (identity.spec.mark) options.mark.append(http::kMarkBy).append(identity.id);
  return std::make_unique<mirror::RequestEditor>(
      http::Redactor(mirror::Redactions(identity.spec.redact).rules()), std::move(options),
      listener, makeSink);
}

}  // namespace

// A std::function must be copyable and a socket or a target is not: they are shared until the one
// call takes them out.

DataLoop::MirrorMaker makeStreamMirror(const Settings& settings,
                                       const mirror::MirrorIdentity& identity,
                                       http::HeadStart& headStart,
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
  return [&settings, &headStart, identity, held](
             const DataLoop::Context& context, capture::LinkType link,
             reassembly::MirrorSlot slot) -> std::unique_ptr<mirror::Mirror> {
    return std::make_unique<mirror::FlowMirror>(
        identity, link, context.table, slot, context.ownSockets, headStart,
        [&](mirror::SinkListener& listener) {
          return behindEditor(settings, identity, listener, [&](mirror::SinkListener& inner) {
            return makeSink(settings, identity.spec, context.loop, std::move(*held), inner);
          });
        });
  };
}

DataLoop::MirrorMaker makePushMirror(const Settings& settings,
                                     const mirror::MirrorIdentity& identity,
                                     http::HeadStart& headStart,
                                     std::unique_ptr<sink::Target> target, const Clock& clock) {
  auto held = std::make_shared<std::unique_ptr<sink::Target>>(std::move(target));
  return [&settings, &headStart, &clock, identity, held](
             const DataLoop::Context& context, capture::LinkType link,
             reassembly::MirrorSlot slot) -> std::unique_ptr<mirror::Mirror> {
    sink::PushOptions options;
    options.budget = settings.mirror.budgetBytes;
    options.maxConnections = settings.mirror.maxPushConnections;
    options.linger = settings.mirror.linger;
    return std::make_unique<mirror::FlowMirror>(
        identity, link, context.table, slot, context.ownSockets, headStart,
        [&](mirror::SinkListener& listener) {
          return behindEditor(settings, identity, listener, [&](mirror::SinkListener& inner) {
            return std::make_unique<sink::PushSink>(context.loop, clock, std::move(*held),
                                                    context.ownSockets, inner, options);
          });
        });
  };
}

}  // namespace dormouse::agent
