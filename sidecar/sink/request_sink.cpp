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
  slot.requests[id.number].text = format_->begin(slot.number, slot.info, request);
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
    if (auto* const out = buffer_.room(text.size())) {
      out->insert(out->end(), text.begin(), text.end());
      fate = Reason::kNone;
      slot.end = buffer_.appended();
      if (buffer_.waiting() >= StreamBuffer::kWorthAWrite) buffer_.flush();
    } else if (buffer_.gone()) {
      fate = Reason::kSinkClosed;
    }
  }
  slot.requests.erase(id.number);
  endings(id, fate, true, fate == Reason::kNone);
}

void RequestSink::cancelRequest(mirror::RequestId id, Reason) {
  Slot& slot = slots_[id.connection];
  drop(slot.requests.at(id.number));
  slot.requests.erase(id.number);
}

void RequestSink::close(mirror::ConnectionHandle handle, Reason reason, bool) {
  dropAll(slots_[handle]);
  slots_[handle].open = false;
  endings({handle, 0}, reason, false, slots_[handle].end > buffer_.written());
}

void RequestSink::drop(Collected& request) {
  request.text.reset();
  collecting_.give(std::exchange(request.charge, 0));
}

void RequestSink::dropAll(Slot& slot) {
  for (auto& [number, request] : slot.requests) drop(request);
  slot.requests.clear();
}

void RequestSink::endings(mirror::RequestId id, Reason fate, bool request, bool waits) {
  const Ending ending{buffer_.appended(), id, fate, request};
  if (waits) {
    endings_.push_back(ending);
  } else {
    known_.push_back(ending);
  }
}

TimePoint RequestSink::flush(TimePoint now) {
  progress();
  if (done()) return TimePoint::max();
  if (buffer_.written() != writtenBefore_) {
    writtenBefore_ = buffer_.written();
    lastWrite_ = now;
  } else if (buffer_.empty() && now - lastWrite_ >= options_.heartbeat) {
    buffer_.trim();
    const std::string_view beat = format_->heartbeat();
    if (auto* const out = beat.empty() ? nullptr : buffer_.room(beat.size())) {
      out->insert(out->end(), beat.begin(), beat.end());
    }
    progress();
    writtenBefore_ = buffer_.written();
    lastWrite_ = now;
  }
  // A reader that is behind needs no heartbeat, and its socket says when it is ready.
  return buffer_.empty() ? lastWrite_ + options_.heartbeat : TimePoint::max();
}

void RequestSink::progress() {
  buffer_.flush();
  if (finishing_ && !ending_.empty()) {
    if (auto* const out = buffer_.room(ending_.size())) {
      out->insert(out->end(), ending_.begin(), ending_.end());
      ending_.clear();
      buffer_.flush();
    }
  }
  settle();
  if (finishing_ && !closed_ && !buffer_.gone() && buffer_.empty() && ending_.empty()) {
    buffer_.close();
    closed_ = true;
  }
}

void RequestSink::settle() {
  while (!endings_.empty() && endings_.front().end <= buffer_.written()) {
    const Ending ending = endings_.front();
    endings_.pop_front();
    tell(ending, ending.fate);
  }
  for (const Ending& ending : std::exchange(known_, {})) tell(ending, ending.fate);
  if (!buffer_.gone() || goneTold_) return;
  goneTold_ = true;
  settleRest(Reason::kSinkClosed);
  listener_.onSinkGone("reader gone");
}

void RequestSink::tell(const Ending& ending, Reason fate) {
  if (!ending.request) {
    listener_.onSettled(ending.id.connection, fate);
  } else {
    listener_.onRequestSettled(ending.id, fate);
  }
}

void RequestSink::settleRest(Reason whileOpen) {
  for (const Ending& ending : std::exchange(endings_, {})) {
    tell(ending, ending.fate == Reason::kNone ? Reason::kSinkClosed : ending.fate);
  }
  for (mirror::ConnectionHandle handle = 0; handle < slots_.size(); ++handle) {
    if (!std::exchange(slots_[handle].open, false)) continue;
    dropAll(slots_[handle]);
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
