#include "client/stream_mirror.h"

namespace dormouse::client {
namespace {

// After a stop was asked for: how long the sidecar may take to send its ledger, and local programs
// to take what is held for them.
constexpr Nanos kLedgerTime = std::chrono::seconds(2);
constexpr Nanos kDrainTime = std::chrono::seconds(3);

}  // namespace

StreamMirror::StreamMirror(OpenedStream stream, std::shared_ptr<const ControlClient> control,
                           LocalPorts& ports, EventLoop& loop, const Clock& clock)
    : id_(std::move(stream.mirror)),
      control_(std::move(control)),
      loop_(loop),
      clock_(clock),
      replayer_(ports, loop, clock),
      early_(std::move(stream.early)),
      reader_(std::make_unique<StreamReader>(std::move(stream.socket), loop, replayer_)) {}

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
  if (reader_ && (reader_->ended() || !replayer_.ledgerJson().empty() || now >= giveUpAt_)) {
    endStream();
  }
  replayer_.tend(now);
  if (!reader_ && !gaveUp_ && now >= giveUpAt_) {
    gaveUp_ = true;
    replayer_.giveUp();
    replayer_.tend(now);
  }
}

void StreamMirror::endStream() {
  streamError_ = reader_->error();
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
  stopping_ = true;
  if (!reader_) {  // Nothing more to ask for: only local programs are waited for.
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
