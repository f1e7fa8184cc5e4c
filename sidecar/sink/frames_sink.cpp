#include "sink/frames_sink.h"

#include <algorithm>
#include <utility>

#include "sink/http2_head.h"

namespace dormouse::sink {
namespace {

// Upper bounds of whole records: what room() is asked for.
constexpr std::size_t kOpenRoom = 96;
constexpr std::size_t kCloseRoom = 48;
constexpr std::size_t kHeartbeatRoom = 8;
constexpr std::size_t kResponseRoom = 80;  // Without head and body.

std::span<const std::uint8_t> bytesOf(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A payload above a record's maximum is split; each part has a header of its own.
constexpr std::size_t dataRoom(std::size_t payload) {
  return payload + wire::kDataOverhead * (1 + payload / (wire::kMaxFrameBytes / 2));
}

}  // namespace

FramesSink::FramesSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket,
                       mirror::SinkListener& listener, StreamOptions options)
    : listener_(listener),
      options_(options),
      buffer_(loop, std::move(socket), options.budget, [this] { progress(); }),
      heartbeat_(buffer_, options.heartbeat),
      fates_(listener),
      reserve_(buffer_.budget()) {
  wire::appendMagic(*buffer_.room(wire::kFramesMagic.size()));
}

Reason FramesSink::open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) {
  if (buffer_.gone() || finishing_) return Reason::kSinkClosed;
  // Close records that wait for room come first.
  auto* const out = owed_.empty() ? buffer_.room(kOpenRoom) : nullptr;
  if (out == nullptr) return Reason::kOverBudget;
  if (handle >= slots_.size()) slots_.resize(handle + std::size_t{1});
  slots_[handle] = Slot{};
  slots_[handle].stream = ++lastStream_;
  slots_[handle].open = true;
  slots_[handle].http2 = info.http2;
  wire::appendOpen(*out, wire::OpenFrame{lastStream_, info.protocol, info.fromStart, info.http2,
                                         info.timestamp, info.client, info.server});
  return Reason::kNone;
}

Reason FramesSink::data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) {
  Slot& slot = slots_[handle];
  reserve_.use(handle, dataRoom(bytes.size()));
  auto* const out = buffer_.room(dataRoom(bytes.size()));
  if (out == nullptr) {
    slot.open = false;
    reserve_.end(handle);
    if (buffer_.gone()) return Reason::kSinkClosed;
    sendClose({wire::CloseFrame{slot.stream, Reason::kOverBudget, false}, std::nullopt, 0});
    return Reason::kOverBudget;
  }
  wire::appendData(*out, slot.stream, bytes);
  if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
  return Reason::kNone;
}

Reason FramesSink::judgeRequest(const mirror::RequestInfo& request) {
  // Of one that is larger than that, its beginning is on its way before its end comes.
  const std::size_t whole = http::sizeUpTo(request.head, options_.budget / 2);
  const auto fits = [&] {
    return buffer_.fits(kOpenRoom + dataRoom(whole)) && reserve_.fits(request.head);
  };
  if (!fits()) buffer_.flush();
  return buffer_.gone() || fits() ? Reason::kNone : Reason::kOverBudget;
}

Reason FramesSink::beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) {
  if (!slots_[id.connection].http2) {
    if (!buffer_.gone()) reserve_.begin(id.connection, request.head);
    const Reason refused = data(id.connection, request.head.bytes);
    if (refused == Reason::kNone && options_.responses) awaitResponse(id);
    return refused;
  }
  wire::RequestFrame frame;
  frame.part = wire::RequestPart::kHead;
  frame.fields = http2Fields(request.head);
  if (sendPart(id, std::move(frame)) && options_.responses) awaitResponse(id);
  return Reason::kNone;
}

Reason FramesSink::requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                               std::span<const std::uint8_t> content) {
  if (!slots_[id.connection].http2) return data(id.connection, raw);
  wire::RequestFrame frame;
  frame.part = wire::RequestPart::kBody;
  frame.bytes = content;
  sendPart(id, std::move(frame));
  return Reason::kNone;
}

void FramesSink::endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) {
  reserve_.end(id.connection);
  Slot& slot = slots_[id.connection];
  if (slot.http2) {
    wire::RequestFrame frame;
    frame.part = wire::RequestPart::kEnd;
    frame.fields = http2Fields(trailers);
    sendPart(id, std::move(frame));
  }
  Reason fate = Reason::kNone;
  if (slot.shed.erase(id.number) != 0) {
    fate = buffer_.gone() ? Reason::kSinkClosed : Reason::kOverBudget;
  }
  fates_.onceWritten(buffer_.appended(), {Fates::Kind::kRequest, id, fate});
}

void FramesSink::cancelRequest(mirror::RequestId id, Reason reason) {
  if (slots_[id.connection].shed.erase(id.number) == 0) shed(id, reason, true);
  slots_[id.connection].shed.erase(id.number);
}

bool FramesSink::sendPart(mirror::RequestId id, wire::RequestFrame frame) {
  const Slot& slot = slots_[id.connection];
  if (slot.shed.count(id.number) != 0) return false;
  frame.connection = slot.stream;
  frame.request = id.number;
  const std::size_t bytes = frame.bytes.size();
  const std::size_t records = 1 + bytes / (wire::kMaxFrameBytes / 2);
  // A kCancel that waits for room comes first, it may be this request's connection's.
  auto* const out =
      owed_.empty()
          ? buffer_.room(wire::requestRoom(frame.fields) + bytes + records * wire::kRequestOverhead)
          : nullptr;
  if (out == nullptr) {
    shed(id, Reason::kOverBudget, frame.part != wire::RequestPart::kHead);
    return false;
  }
  wire::appendRequest(*out, frame);
  if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
  return true;
}

void FramesSink::shed(mirror::RequestId id, Reason reason, bool begun) {
  Slot& slot = slots_[id.connection];
  slot.shed.insert(id.number);
  if (!begun || buffer_.gone()) return;
  sendClose({wire::CloseFrame{slot.stream, reason, false}, std::nullopt, id.number});
}

void FramesSink::awaitResponse(mirror::RequestId id) {
  Slot& slot = slots_[id.connection];
  const RequestName name{slot.stream, id.number};
  const std::uint32_t place = slot.http2 ? id.number : ++slot.begun;
  if (early_.erase(name) == 0) {
    if (positions_.size() < kMostAwaited) positions_[name] = place;
    return;
  }
  const mirror::ResponseInfo none{slot.stream, id.number, {}, {}, nullptr, Reason::kFiltered};
  if (auto* const out = buffer_.room(kResponseRoom)) appendResponse(none, place, *out);
}

Reason FramesSink::response(const mirror::ResponseInfo& info) {
  if (buffer_.gone()) return Reason::kSinkClosed;
  const RequestName name{info.connection, info.request};
  const auto position = positions_.find(name);
  if (position == positions_.end()) {
    // Its request was left out after all, or is held back still: the latter is not told twice.
    if (early_.size() == kMostEarly) early_.erase(early_.begin());
    early_.insert(name);
    return Reason::kFiltered;
  }
  const std::uint32_t place = position->second;
  positions_.erase(position);
  const auto* const response = info.response;
  const std::size_t room =
      kResponseRoom + (response == nullptr ? 0 : response->head.size() + response->body.size());
  if (!buffer_.fits(room)) buffer_.flush();
  // Close records that wait for room come first.
  auto* const out = owed_.empty() ? buffer_.room(room) : nullptr;
  if (out == nullptr) return buffer_.gone() ? Reason::kSinkClosed : Reason::kOverBudget;
  appendResponse(info, place, *out);
  if (response != nullptr) {
    fates_.onceWritten(buffer_.appended(), {Fates::Kind::kResponse, {}});
  }
  return Reason::kNone;
}

void FramesSink::appendResponse(const mirror::ResponseInfo& info, std::uint32_t position,
                                std::vector<std::uint8_t>& out) {
  wire::ResponseFrame frame;
  frame.connection = info.connection;
  frame.request = position;
  frame.missing = info.missing;
  if (info.response != nullptr) {
    frame.status = static_cast<std::uint16_t>(info.response->status);
    frame.latency = info.response->latency;
    frame.bodyBytes = info.response->bodyBytes;
    frame.head = bytesOf(info.response->head);
    frame.body = bytesOf(info.response->body);
  }
  wire::appendResponse(out, frame);
}

void FramesSink::close(mirror::ConnectionHandle handle, Reason reason, bool reset) {
  Slot& slot = slots_[handle];
  slot.open = false;
  reserve_.end(handle);
  Owed owed{wire::CloseFrame{slot.stream, reason, reset}, std::nullopt, 0};
  if (reason == Reason::kNone) {
    owed.handle = handle;
  } else {
    fates_.soon({Fates::Kind::kConnection, {handle, 0}, reason});
  }
  sendClose(owed);
}

void FramesSink::sendClose(const Owed& owed) {
  if (!owed_.empty() || !appendClose(owed)) owed_.push_back(owed);
}

bool FramesSink::appendClose(const Owed& owed) {
  auto* const out = buffer_.room(kCloseRoom);
  if (out == nullptr) return false;
  if (owed.request != 0) {
    wire::appendRequest(*out, {owed.frame.connection,
                               owed.request,
                               wire::RequestPart::kCancel,
                               {},
                               {},
                               owed.frame.reason});
    return true;
  }
  wire::appendClose(*out, owed.frame);
  if (owed.handle) {
    fates_.onceWritten(buffer_.appended(), {Fates::Kind::kConnection, {*owed.handle, 0}});
  }
  return true;
}

TimePoint FramesSink::flush(TimePoint now) {
  progress();
  if (done()) return TimePoint::max();
  if (heartbeat_.due(now)) {
    buffer_.trim();
    wire::appendHeartbeat(*buffer_.room(kHeartbeatRoom));
    progress();
    heartbeat_.noteWrite(now);
  }
  return heartbeat_.next();
}

void FramesSink::progress() {
  buffer_.flush();
  while (!owed_.empty() && appendClose(owed_.front())) owed_.pop_front();
  if (finishing_ && owed_.empty() && !ledger_.empty()) {
    if (auto* const out = buffer_.room(ledger_.size() + wire::kDataOverhead)) {
      wire::appendLedger(*out, ledger_);
      ledger_.clear();
    }
  }
  buffer_.flush();
  settle();
  if (finishing_ && !closed_ && !buffer_.gone() && buffer_.empty() && owed_.empty() &&
      ledger_.empty()) {
    buffer_.close();
    closed_ = true;
  }
}

void FramesSink::settle() {
  fates_.tellUpTo(buffer_.written());
  if (!buffer_.gone() || goneTold_) return;
  goneTold_ = true;
  settleRest(Reason::kSinkClosed);
  owed_.clear();
  listener_.onSinkGone("reader gone");
}

void FramesSink::settleRest(Reason whileOpen) {
  fates_.tellRest();
  for (Owed& owed : owed_) {
    if (const auto handle = std::exchange(owed.handle, std::nullopt)) {
      listener_.onSettled(*handle, Reason::kSinkClosed);
    }
  }
  for (mirror::ConnectionHandle handle = 0; handle < slots_.size(); ++handle) {
    if (!std::exchange(slots_[handle].open, false)) continue;
    reserve_.end(handle);
    if (!buffer_.gone()) {
      sendClose({wire::CloseFrame{slots_[handle].stream, whileOpen, false}, std::nullopt, 0});
    }
    listener_.onSettled(handle, whileOpen);
  }
}

void FramesSink::finish(const std::function<std::string()>& report) {
  progress();
  settleRest(Reason::kMirrorEnded);
  finishing_ = true;
  if (!buffer_.gone()) ledger_ = report();
}

}  // namespace dormouse::sink
