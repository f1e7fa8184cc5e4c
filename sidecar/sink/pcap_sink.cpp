#include "sink/pcap_sink.h"

#include <utility>

#include "wire/pcap_file.h"

namespace dormouse::sink {

PcapSink::PcapSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket,
                   mirror::PacketSinkListener& listener, capture::LinkType linkType,
                   std::uint32_t snaplen, StreamOptions options)
    : listener_(listener),
      buffer_(loop, std::move(socket), options.budget, [this] { progress(); }) {
  wire::appendPcapHeader(*buffer_.room(wire::kPcapFileHeaderBytes),
                         static_cast<std::uint16_t>(linkType), snaplen);
}

Reason PcapSink::packet(const capture::RawPacket& raw) {
  if (buffer_.gone() || finishing_) return Reason::kSinkClosed;
  auto* const out = buffer_.room(wire::kPcapRecordHeaderBytes + raw.bytes.size());
  if (out == nullptr) return Reason::kOverBudget;
  wire::appendPcapRecord(*out, raw.timestamp, raw.bytes, raw.wireLength);
  ++packets_;
  return Reason::kNone;
}

TimePoint PcapSink::flush(TimePoint) {
  progress();
  return TimePoint::max();  // The format has no heartbeat.
}

void PcapSink::progress() {
  if (packets_ != 0) batches_.push_back(Batch{buffer_.appended(), std::exchange(packets_, 0)});
  buffer_.flush();
  std::uint64_t packets = 0;
  while (!batches_.empty() && batches_.front().end <= buffer_.written()) {
    packets += batches_.front().packets;
    batches_.pop_front();
  }
  if (packets != 0) listener_.onPacketsSettled(Reason::kNone, packets);
  if (buffer_.gone() && !goneTold_) {
    goneTold_ = true;
    settleRest();
    listener_.onSinkGone("the reader of the stream went away");
  }
  if (finishing_ && !closed_ && !buffer_.gone() && buffer_.empty()) {
    buffer_.close();
    closed_ = true;
  }
}

void PcapSink::settleRest() {
  std::uint64_t packets = std::exchange(packets_, 0);
  for (const Batch& batch : std::exchange(batches_, {})) packets += batch.packets;
  if (packets != 0) listener_.onPacketsSettled(Reason::kSinkClosed, packets);
}

void PcapSink::finish() {
  progress();
  settleRest();
  finishing_ = true;
}

}  // namespace dormouse::sink
