#include "sink/request_sink.h"

#include <algorithm>

namespace dormouse::sink {

RequestSink::RequestSink(EventLoop& loop, std::unique_ptr<StreamSocket> socket,
                         mirror::SinkListener& listener, std::unique_ptr<RequestFormat> format,
                         StreamOptions options)
    : listener_(listener),
      format_(std::move(format)),
      options_(options),
      buffer_(loop, std::move(socket), options.budget / 2, [this] { progress(); }),
      heartbeat_(buffer_, options.heartbeat),
      fates_(listener),
      collecting_(options.budget / 2) {}

Reason RequestSink::open(mirror::ConnectionHandle handle, const mirror::ConnectionInfo& info) {
  if (buffer_.gone() || finishing_) return Reason::kSinkClosed;
  if (handle >= slots_.size()) slots_.resize(handle + std::size_t{1});
  Slot& slot = slots_[handle];
  slot = Slot{};
  slot.number = ++lastNumber_;
  slot.info = info;
  slot.open = true;
  return Reason::kNone;
}

Reason RequestSink::data(mirror::ConnectionHandle handle, std::span<const std::uint8_t> bytes) {
  if (!format_->carriesRaw()) return Reason::kNone;
  Slot& slot = slots_[handle];
  std::string text;
  if (!slot.raw) text = format_->open(slot.number, slot.info);
  text += format_->data(slot.number, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (append(text)) {
    slot.raw = true;
    slot.end = buffer_.appended();
    if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
    return Reason::kNone;
  }
  const Reason why = buffer_.gone() ? Reason::kSinkClosed : Reason::kOverBudget;
  dropAll(slot);
  slot.open = false;
  if (slot.raw) owed_.push_back({format_->close(slot.number, why, false), std::nullopt});
  return why;
}

Reason RequestSink::response(const mirror::ResponseInfo& info) {
  if (buffer_.gone()) return Reason::kSinkClosed;
  if (!append(format_->response(info))) return Reason::kOverBudget;
  if (info.response != nullptr) {
    fates_.onceWritten(buffer_.appended(), {Fates::Kind::kResponse, {}});
  }
  if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
  return Reason::kNone;
}

bool RequestSink::append(std::string_view text) {
  // What waited for room comes first.
  if (!buffer_.fits(text.size())) buffer_.flush();
  return owed_.empty() && buffer_.append(text);
}

void RequestSink::payOwed() {
  while (!owed_.empty()) {
    const Owed& first = owed_.front();
    if (!buffer_.append(first.line)) return;
    if (first.handle) settles({Fates::Kind::kConnection, {*first.handle, 0}}, true);
    owed_.pop_front();
  }
}

Reason RequestSink::judgeRequest(const mirror::RequestInfo& request) {
  if (!format_->carries(request.head)) return Reason::kFiltered;
  const std::size_t expected = format_->expect(request.head);
  if (!buffer_.fits(expected)) buffer_.flush();  // The reader may have kept up since.
  const bool fits = expected <= collecting_.limit() - collecting_.used() && buffer_.fits(expected);
  return fits || buffer_.gone() ? Reason::kNone : Reason::kOverBudget;
}

Reason RequestSink::beginRequest(mirror::RequestId id, const mirror::RequestInfo& request) {
  Slot& slot = slots_[id.connection];
  if (buffer_.gone()) {
    slot.open = false;
    return Reason::kSinkClosed;
  }
  slot.requests[id.number].text = format_->begin(slot.number, id.number, slot.info, request);
  return requestBody(id, {}, {});
}

Reason RequestSink::requestBody(mirror::RequestId id, std::span<const std::uint8_t> raw,
                                std::span<const std::uint8_t> content) {
  Collected& request = slots_[id.connection].requests.at(id.number);
  if (!request.text) return Reason::kNone;  // Left out already.
  // Before it is copied, so that the budget is never exceeded by more than one segment.
  request.text->body(raw, content);
  collecting_.give(std::exchange(request.charge, 0));
  const std::size_t charge = request.text->size();
  if (collecting_.take(charge)) {
    request.charge = charge;
  } else {
    drop(request);
  }
  return Reason::kNone;
}

void RequestSink::endRequest(mirror::RequestId id, std::span<const http::HeaderField> trailers) {
  Slot& slot = slots_[id.connection];
  Collected& request = slot.requests.at(id.number);
  Reason fate = Reason::kOverBudget;
  if (request.text) {
    request.text->trailers(trailers);
    const std::string text = request.text->take();
    drop(request);
    if (!buffer_.fits(text.size())) buffer_.flush();
    if (buffer_.append(text)) {
      fate = Reason::kNone;
      slot.end = buffer_.appended();
      if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
    } else if (buffer_.gone()) {
      fate = Reason::kSinkClosed;
    }
  }
  slot.requests.erase(id.number);
  settles({Fates::Kind::kRequest, id, fate}, fate == Reason::kNone);
}

void RequestSink::cancelRequest(mirror::RequestId id, Reason) {
  Slot& slot = slots_[id.connection];
  const auto request = slot.requests.find(id.number);
  if (request == slot.requests.end()) return;  // It is whole, or was left out.
  drop(request->second);
  slot.requests.erase(request);
}

void RequestSink::close(mirror::ConnectionHandle handle, Reason reason, bool reset) {
  Slot& slot = slots_[handle];
  dropAll(slot);
  slot.open = false;
  const bool waits = slot.end > buffer_.written();
  const Fates::Fate fate{Fates::Kind::kConnection, {handle, 0}, reason};
  if (!slot.raw) return settles(fate, waits);
  Owed owed{format_->close(slot.number, reason, reset), std::nullopt};
  if (reason == Reason::kNone) {
    owed.handle = handle;
  } else {
    settles(fate, waits);
  }
  owed_.push_back(std::move(owed));
  payOwed();
}

void RequestSink::drop(Collected& request) {
  request.text.reset();
  collecting_.give(std::exchange(request.charge, 0));
}

void RequestSink::dropAll(Slot& slot) {
  for (auto& [number, request] : slot.requests) drop(request);
  slot.requests.clear();
}

void RequestSink::settles(const Fates::Fate& fate, bool waits) {
  if (waits) {
    fates_.onceWritten(buffer_.appended(), fate);
  } else {
    fates_.soon(fate);
  }
}

TimePoint RequestSink::flush(TimePoint now) {
  progress();
  if (done()) return TimePoint::max();
  if (heartbeat_.due(now)) {
    buffer_.trim();
    const std::string_view beat = format_->heartbeat();
    if (!beat.empty()) buffer_.append(beat);  // Without room there is enough on its way.
    progress();
    heartbeat_.noteWrite(now);
  }
  return heartbeat_.next();
}

void RequestSink::progress() {
  buffer_.flush();
  payOwed();
  if (finishing_ && !ending_.empty() && owed_.empty()) {
    if (buffer_.append(ending_)) ending_.clear();
  }
  buffer_.flush();
  settle();
  if (finishing_ && !closed_ && !buffer_.gone() && buffer_.empty() && owed_.empty() &&
      ending_.empty()) {
    buffer_.close();
    closed_ = true;
  }
}

void RequestSink::settle() {
  fates_.tellUpTo(buffer_.written());
  if (!buffer_.gone() || goneTold_) return;
  goneTold_ = true;
  settleRest(Reason::kSinkClosed);
  listener_.onSinkGone("reader gone");
}

void RequestSink::settleRest(Reason whileOpen) {
  fates_.tellRest();
  for (Owed& owed : owed_) {
    if (const auto handle = std::exchange(owed.handle, std::nullopt)) {
      listener_.onSettled(*handle, Reason::kSinkClosed);
    }
  }
  if (buffer_.gone()) owed_.clear();
  for (mirror::ConnectionHandle handle = 0; handle < slots_.size(); ++handle) {
    Slot& slot = slots_[handle];
    if (!std::exchange(slot.open, false)) continue;
    dropAll(slot);
    if (slot.raw && !buffer_.gone()) {
      owed_.push_back({format_->close(slot.number, whileOpen, false), std::nullopt});
    }
    listener_.onSettled(handle, whileOpen);
  }
}

void RequestSink::finish(const std::function<std::string()>& report) {
  progress();
  settleRest(Reason::kMirrorEnded);
  finishing_ = true;
  if (!buffer_.gone()) ending_ = format_->ending(report());
}

}  // namespace dormouse::sink
