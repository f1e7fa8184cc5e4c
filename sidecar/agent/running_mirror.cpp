#include "agent/running_mirror.h"

#include <sys/epoll.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace dormouse::agent {

RunningMirror::RunningMirror(std::string id, std::unique_ptr<capture::Capture> capture,
                             std::unique_ptr<mirror::Mirror> mirror, reassembly::MirrorSlot slot,
                             TimePoint deadline, Nanos batch, Rest rest, EventLoop& loop,
                             const Clock& clock)
    : id_(std::move(id)),
      capture_(std::move(capture)),
      mirror_(std::move(mirror)),
      slot_(slot),
      batch_(batch),
      pace_(rest),
      loop_(loop),
      clock_(clock),
      deadline_(deadline) {
  loop_.add(capture_->fd(), EPOLLIN, *this);
}

RunningMirror::~RunningMirror() {
  if (capture_) loop_.remove(capture_->fd());
}

void RunningMirror::onEvents(std::uint32_t) {
  if (phase_ == Phase::kActive || phase_ == Phase::kDraining) takePackets(clock_.now());
}

void RunningMirror::endRest(TimePoint now) {
  if (!watched_ && now >= pace_.restsUntil()) takePackets(now);
}

int RunningMirror::takePackets(TimePoint now) {
  mirror_->beginBatch(now);
  // First, since a drop may explain what the packets after it seem to be.
  mirror_->noteKernelDrops(capture_->kernelDrops());
  try {
    const capture::Taken taken = capture_->dispatch(*mirror_, kPacketsPerTurn);
    pace_.note(taken, taken.packets < kPacketsPerTurn, now);
    watch();
    return taken.packets;
  } catch (const std::exception& error) {
    captureFailure_ = std::string("the capture failed: ") + error.what();
    // A dead descriptor stays readable; without this the loop would spin on it.
    loop_.remove(capture_->fd());
    return 0;
  }
}

void RunningMirror::watch() {
  const bool wanted = phase_ != Phase::kActive || !pace_.rests();
  if (wanted == watched_) return;
  watched_ = wanted;
  loop_.change(capture_->fd(), wanted ? std::uint32_t{EPOLLIN} : 0);
}

void RunningMirror::end(const std::string& because, TimePoint now) {
  if (phase_ != Phase::kActive) return;
  mirror_->noteEnd(because);
  // A packet that the pod has already received may lie in a block that is not full yet.
  enter(Phase::kDraining, now + 2 * batch_ + std::chrono::milliseconds(1));
  watch();
}

void RunningMirror::enter(Phase phase, TimePoint patience) {
  phase_ = phase;
  deadline_ = patience;
}

TimePoint RunningMirror::serve(TimePoint now) {
  TimePoint next = mirror_->flush(now);
  if (phase_ == Phase::kActive) {
    if (!captureFailure_.empty())
      end(captureFailure_, now);
    else if (!mirror_->lostPurpose().empty())
      end(mirror_->lostPurpose(), now);
    else if (now >= deadline_)
      end("ttl", now);
  }
  if (phase_ == Phase::kDraining && now >= deadline_) {
    if (captureFailure_.empty()) {
      while (takePackets(now) == kPacketsPerTurn) {
      }
    }
    mirror_->noteKernelDrops(capture_->kernelDrops());
    loop_.remove(capture_->fd());
    mirror_->endCapture();
    enter(Phase::kSettling, now + kPatience);
    next = mirror_->flush(now);
  }
  if (phase_ == Phase::kSettling && (mirror_->settled() || now >= deadline_)) {
    mirror_->finish();
    enter(Phase::kFinishing, now + kPatience);
    next = mirror_->flush(now);
  }
  if (phase_ == Phase::kFinishing && (mirror_->done() || now >= deadline_)) {
    enter(Phase::kOver, TimePoint::max());
  }
  if (!watched_) next = std::min(next, pace_.restsUntil());
  return std::min(next, deadline_);
}

mirror::MirrorReport RunningMirror::report() {
  if (phase_ == Phase::kActive || phase_ == Phase::kDraining) {
    mirror_->noteKernelDrops(capture_->kernelDrops());
  }
  return mirror_->report();
}

}  // namespace dormouse::agent
