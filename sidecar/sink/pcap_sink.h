// The stream format `pcap`: a capture file that does not end.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "mirror/sink.h"
#include "sink/frames_sink.h"
#include "sink/stream_buffer.h"

namespace dormouse::sink {

/// See PacketSink for owner and thread. Nanosecond pcap (wire/pcap_file.h). A frame that does not
/// fit the budget is left out whole. Fates are told batch by batch: the frames of a batch that was
/// written in part when the reader went away count as not written.
class PcapSink final : public mirror::PacketSink {
 public:
  /// Takes the socket over, the response head written; the file header is the first thing sent.
  /// REQUIRES: loop and listener outlive the sink.
  PcapSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket,
           mirror::PacketSinkListener& listener, capture::LinkType linkType, std::uint32_t snaplen,
           StreamOptions options);

  Reason packet(const capture::RawPacket& raw) override;
  TimePoint flush(TimePoint now) override;
  void finish() override;
  bool done() const override { return closed_ || (buffer_.gone() && goneTold_); }

 private:
  struct Batch {
    std::uint64_t end;  // written() reaches it: the batch is written.
    std::uint64_t packets;
  };
  void progress();
  void settleRest();

  mirror::PacketSinkListener& listener_;
  StreamBuffer buffer_;
  std::deque<Batch> batches_;
  std::uint64_t packets_ = 0;  // Of the batch under way.
  bool finishing_ = false;
  bool closed_ = false;
  bool goneTold_ = false;
};

}  // namespace dormouse::sink
