#include "client/stream_mirror.h"

#include "client/tally.h"

namespace dormouse::client {
namespace {

// After a stop was asked for: how long the sidecar may take to send its ledger, and local programs
// to take what is held for them.
constexpr Nanos kLedgerTime = std::chrono::seconds(2);
constexpr Nanos kDrainTime = std::chrono::seconds(3);
// The sidecar breaks its silence every five seconds. TCP does not tell: behind kubectl or a proxy
// the near connection lives on when the far one is lost.
constexpr Nanos kMostSilence = std::chrono::seconds(20);

}  // namespace

StreamMirror::StreamMirror(OpenedStream stream, std::shared_ptr<const ControlClient> control,
                           LocalPorts& ports, EventLoop& loop, const Clock& clock,
                           std::unique_ptr<ResponseMatcher> matcher)
    : id_(std::move(stream.mirror)),
      control_(std::move(control)),
      loop_(loop),
      clock_(clock),
      matcher_(std::move(matcher)),
      replayer_(ports, loop, clock, matcher_.get()),
      early_(std::move(stream.early)),
      reader_(std::make_unique<StreamReader>(std::move(stream.socket), loop, replayer_)),
      heardAt_(clock.now()) {}

bool StreamMirror::readOn() {
  if (!reader_) return false;
  if (!early_.empty()) {
    const auto early = std::exchange(early_, {});
    reader_->feed(early);
  }
  return reader_->readOn();
}

void StreamMirror::tend() {
  const TimePoint now = clock_.now();
  if (reader_) listen(now);
  if (reader_ &&
      (silent_ || reader_->ended() || !replayer_.ledgerJson().empty() || now >= giveUpAt_)) {
    endStream();
  }
  replayer_.tend(now);
  if (!reader_ && !gaveUp_ && now >= giveUpAt_) {
    gaveUp_ = true;
    replayer_.giveUp();
    replayer_.tend(now);
  }
}

void StreamMirror::listen(TimePoint now) {
  const auto heard = [&] { return std::exchange(received_, reader_->received()) != received_; };
  if (heard()) heardAt_ = now;
  if (now - heardAt_ < kMostSilence || reader_->ended()) return;
  // Perhaps it was this process that slept: what came meanwhile is there.
  reader_->read();
  if (heard()) {
    heardAt_ = now;
  } else {
    silent_ = !reader_->ended();
  }
}

void StreamMirror::endStream() {
  streamError_ =
      silent_ ? "nothing came for " + formatSpan(clock_.now() - heardAt_) : reader_->error();
  livedUntil_ = silent_ ? heardAt_ : clock_.now();
  reader_.reset();
  try {
    if (!replayer_.ledgerJson().empty()) ledger_ = parseReport(replayer_.ledgerJson());
  } catch (const std::invalid_argument& error) {
    streamError_ = std::string("its ledger cannot be read: ") + error.what();
  }
  replayer_.streamEnded();
  giveUpAt_ = stopping_ ? clock_.now() + kDrainTime : TimePoint::max();
}

void StreamMirror::stop() {
  if (std::exchange(stopping_, true) ||
      !reader_) {  // Nothing more to ask for: only local programs are waited for.
    giveUpAt_ = clock_.now();
    return;
  }
  giveUpAt_ = clock_.now() + kLedgerTime;
  // On another thread: the stream must be read on while the sidecar answers.
  remover_ = std::make_unique<BackgroundTask>(loop_, [this](const BackgroundTask&) {
    try {
      removed_ = control_->remove(id_);
    } catch (const std::exception& error) {
      removeError_ = error.what();
    }
  });
}

TimePoint StreamMirror::nextAt() const {
  return settled() ? TimePoint::max() : giveUpAt_;
}

}  // namespace dormouse::client
