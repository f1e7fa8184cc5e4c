#include "sink/fates.h"

#include <utility>

namespace dormouse::sink {

void Fates::tellUpTo(std::uint64_t written) {
  while (!waiting_.empty() && waiting_.front().end <= written) {
    const Fate fate = waiting_.front().fate;
    waiting_.pop_front();
    tell(fate);
  }
  for (const Fate& fate : std::exchange(known_, {})) tell(fate);
}

void Fates::tellRest() {
  for (auto& [end, fate] : std::exchange(waiting_, {})) {
    if (fate.reason == Reason::kNone) fate.reason = Reason::kSinkClosed;
    tell(fate);
  }
}

void Fates::tell(const Fate& fate) {
  switch (fate.kind) {
    case Kind::kConnection:
      return listener_.onSettled(fate.id.connection, fate.reason);
    case Kind::kRequest:
      return listener_.onRequestSettled(fate.id, fate.reason);
    case Kind::kResponse:
      return listener_.onResponseSettled(fate.reason);
  }
}

}  // namespace dormouse::sink
