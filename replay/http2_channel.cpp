#include "replay/http2_channel.h"

#include <algorithm>
#include <cerrno>

namespace dormouse::replay {
namespace {

// Connections that only wait for their last answers, beside the one that takes requests.
constexpr std::size_t kMaxLegs = 4;
// Sent bytes are cut off the front of a body when they are as many.
constexpr std::size_t kWorthACut = 64 << 10;

}  // namespace

Http2Channel::Http2Channel(const Context& context, Http2ChannelOwner& owner)
    : context_(context), owner_(owner) {}

Http2Channel::~Http2Channel() {
  for (const auto& leg : legs_) bury(*leg);
  for (auto& [number, request] : requests_) context_.memory.give(request.charge);
}

Http2Request* Http2Channel::find(std::uint32_t number) {
  const auto found = requests_.find(number);
  return found == requests_.end() ? nullptr : &found->second;
}

bool Http2Channel::charge(Http2Request& request, std::size_t bytes) {
  if (!context_.memory.take(bytes)) return false;
  request.charge += bytes;
  return true;
}

void Http2Channel::begin(std::uint32_t number, Http2Fields head) {
  Http2Request& request = requests_[number];
  request.number = number;
  if (!charge(request, sizeof(Http2Request) + sizeOf(head))) {
    return lose(request, Reason::kOverBudget);
  }
  request.head = std::move(head);
  pending_.push_back(number);
}

void Http2Channel::body(std::uint32_t number, std::span<const std::uint8_t> bytes) {
  Http2Request* const request = find(number);
  if (request == nullptr || request->lost != Reason::kNone || bytes.empty()) return;
  if (!charge(*request, bytes.size())) return lose(*request, Reason::kOverBudget);
  request->body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (request->leg != nullptr) request->leg->session().resume(*request);
}

void Http2Channel::end(std::uint32_t number, Http2Fields trailers) {
  Http2Request* const request = find(number);
  if (request == nullptr) return;
  request->whole = true;
  if (request->lost == Reason::kNone && !charge(*request, sizeOf(trailers))) {
    lose(*request, Reason::kOverBudget);
    return;
  }
  if (request->lost != Reason::kNone) return settle(number, request->lost);
  request->trailers = std::move(trailers);
  if (request->leg != nullptr) request->leg->session().resume(*request);
}

void Http2Channel::cancel(std::uint32_t number) {
  Http2Request* const request = find(number);
  if (request == nullptr || request->sent) {
    for (const auto& leg : legs_) leg->session().forgo(number);
    return;
  }
  if (request->whole) return;  // What was asked for is asked for here, too.
  if (request->leg != nullptr) request->leg->session().reset(*request);
  erase(number);
}

void Http2Channel::lose(Http2Request& request, Reason reason) {
  if (request.leg != nullptr) request.leg->session().reset(request);
  request.leg = nullptr;
  request.lost = reason;
  request.head = {};
  request.body = {};
  context_.memory.give(std::exchange(request.charge, 0));
  if (request.whole) settle(request.number, reason);
}

void Http2Channel::settle(std::uint32_t number, Reason fate) {
  if (fate == Reason::kNone) {
    delivered_ = true;
  } else {
    lastLoss_ = fate;
  }
  fates_.emplace_back(number, fate);
  erase(number);
}

void Http2Channel::erase(std::uint32_t number) {
  const auto found = requests_.find(number);
  context_.memory.give(found->second.charge);
  requests_.erase(found);
}

void Http2Channel::onBegun(Http2Request& request) {
  if (context_.options.watcher != nullptr && request.leg != nullptr) {
    context_.options.watcher->onBegun(*request.leg, request);
  }
}

void Http2Channel::onReceived(Http2Leg& leg, std::span<const std::uint8_t> bytes) {
  if (context_.options.watcher != nullptr) context_.options.watcher->onReceived(leg, bytes);
}

void Http2Channel::onBodyTaken(Http2Request& request, std::size_t bytes) {
  request.charge -= bytes;
  request.leg->charge(bytes);
  if (request.bodyLeft() == 0) {
    request.body = {};
    request.bodySent = 0;
  } else if (request.bodySent >= kWorthACut) {
    request.body.erase(0, std::exchange(request.bodySent, 0));
  }
}

void Http2Channel::onSent(Http2Request& request) {
  request.sent = true;
  request.leg->markSent(request.number);
}

void Http2Channel::onClosed(Http2Request& request, bool refused) {
  Http2Leg* const leg = std::exchange(request.leg, nullptr);
  const bool untouched = refused && !request.headSent;
  if (!untouched) return lose(request, refused ? Reason::kSinkRefused : Reason::kSinkClosed);
  // The program has said goodbye just before: the next connection will take it.
  if (leg != nullptr) pending_.push_front(request.number);
}

void Http2Channel::onWritten(std::uint32_t number) {
  if (find(number) != nullptr) settle(number, Reason::kNone);
}

void Http2Channel::onLegEvent(Http2Leg&) {
  pump();
  owner_.onChannelEvent();
}

void Http2Channel::pump() {
  if (std::exchange(pumping_, true)) return;
  // A leg that ends leaves requests to the next one, whose connecting may fail at once.
  bool ended = true;
  for (std::size_t turn = 0; ended && turn <= kMaxLegs; ++turn) {
    sweep();
    submit();
    for (const auto& leg : legs_) leg->pump();
    ended = std::any_of(legs_.begin(), legs_.end(), [](const auto& leg) { return leg->ended(); });
  }
  pumping_ = false;
  if (finishing_) conclude();
}

Http2Leg* Http2Channel::current() {
  if (legs_.empty() || legs_.back()->ended() || legs_.back()->session().goingAway()) return nullptr;
  return legs_.back().get();
}

void Http2Channel::submit() {
  while (!pending_.empty()) {
    Http2Request* const request = find(pending_.front());
    if (request == nullptr || request->lost != Reason::kNone) {
      pending_.pop_front();
      continue;
    }
    const Reason refused = current() == nullptr ? connect() : Reason::kNone;
    if (refused != Reason::kNone) return losePending(refused);
    Http2Leg& leg = *legs_.back();
    if (leg.ended() || !leg.session().accepts()) return;
    pending_.pop_front();
    request->leg = &leg;
    leg.session().submit(*request);
  }
}

Reason Http2Channel::connect() {
  const TimePoint now = context_.clock.now();
  if (now < retryAt_) return Reason::kSinkRefused;
  if (!legs_.empty() && !legs_.back()->ended() && legs_.back()->session().begun() == 0) {
    // It says goodbye before it has taken anything: the next one would, too.
    noteNotTaken(*legs_.back(), ECONNRESET);
    return Reason::kSinkRefused;
  }
  const std::optional<Endpoint> to = owner_.nextEndpoint();
  if (!to) {
    retryAt_ = now + kBackoff;
    return Reason::kSinkRefused;
  }
  if (!context_.memory.take(Http2Session::kMemory)) return Reason::kOverBudget;
  if (legs_.size() >= kMaxLegs) {
    bury(*legs_.front());
    legs_.erase(legs_.begin());
  }
  legs_.push_back(std::make_unique<Http2Leg>(context_.loop, context_.localEnds,
                                             static_cast<Http2LegOwner&>(*this)));
  connectBy_ = now + context_.options.connectTimeout;
  legs_.back()->connect(*to, context_.options.sendBuffer);
  return Reason::kNone;
}

void Http2Channel::losePending(Reason reason) {
  for (const std::uint32_t number : std::exchange(pending_, {})) {
    Http2Request* const request = find(number);
    if (request != nullptr && request->lost == Reason::kNone) lose(*request, reason);
  }
}

void Http2Channel::sweep() {
  for (std::size_t i = 0; i < legs_.size();) {
    Http2Leg& leg = *legs_[i];
    if (!leg.ended()) {
      ++i;
      continue;
    }
    bury(leg);
    const bool refused = leg.state() == Http2Leg::State::kRefused;
    if (refused || (leg.session().begun() == 0 && !pending_.empty())) {
      noteNotTaken(leg, refused ? leg.error() : ECONNRESET);
      losePending(Reason::kSinkRefused);
    }
    legs_.erase(legs_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Http2Channel::noteNotTaken(const Http2Leg& leg, int error) {
  owner_.onNotTaken(leg.peer(), error);
  retryAt_ = context_.clock.now() + kBackoff;
}

void Http2Channel::bury(Http2Leg& leg) {
  if (context_.options.watcher != nullptr) context_.options.watcher->onGone(leg);
  std::vector<std::uint32_t> orphans;
  for (auto& [number, request] : requests_) {
    if (request.leg == &leg) orphans.push_back(number);
  }
  for (auto at = orphans.rbegin(); at != orphans.rend(); ++at) {
    Http2Request& request = *find(*at);
    request.leg = nullptr;
    if (!request.headSent) {  // Then nothing of it has left.
      pending_.push_front(request.number);
    } else {
      lose(request, Reason::kSinkClosed);
    }
  }
  context_.memory.give(Http2Session::kMemory + leg.takeCharge());
}

void Http2Channel::finish() {
  finishing_ = true;
  lingerEnd_ = context_.clock.now() + context_.options.linger;
  std::vector<std::uint32_t> broken;
  for (const auto& [number, request] : requests_) {
    if (!request.whole) broken.push_back(number);
  }
  for (const std::uint32_t number : broken) cancel(number);
}

void Http2Channel::conclude() {
  if (fate_) return;
  const bool answered = std::all_of(legs_.begin(), legs_.end(), [](const auto& leg) {
    return leg->state() == Http2Leg::State::kOpen && leg->session().streams() == 0;
  });
  if (!requests_.empty() || !answered) return;
  if (!std::exchange(closing_, true)) {
    for (const auto& leg : legs_) leg->session().close();
    return pump();
  }
  if (legs_.empty()) fate_ = delivered_ ? Reason::kNone : lastLoss_;
}

std::vector<std::uint32_t> Http2Channel::undelivered() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, request] : requests_) {
    if (request.whole) numbers.push_back(number);
  }
  return numbers;
}

TimePoint Http2Channel::deadline() const {
  if (fate_) return TimePoint::max();
  const bool connecting = !legs_.empty() && legs_.back()->state() == Http2Leg::State::kConnecting;
  return std::min(lingerEnd_, connecting ? connectBy_ : TimePoint::max());
}

void Http2Channel::expire() {
  const TimePoint now = context_.clock.now();
  if (now >= connectBy_ && !legs_.empty() &&
      legs_.back()->state() == Http2Leg::State::kConnecting) {
    legs_.back()->timeOut();
    pump();
  }
  if (fate_ || now < lingerEnd_) return;
  // It may have stood in a debugger; now it has had all the time that there is.
  const bool silent = !requests_.empty() && !legs_.empty() &&
                      legs_.back()->state() == Http2Leg::State::kOpen &&
                      !legs_.back()->session().ready();
  if (silent) noteNotTaken(*legs_.back(), EPROTO);
  std::vector<std::uint32_t> late;
  for (const auto& [number, request] : requests_) late.push_back(number);
  for (const std::uint32_t number : late) {
    lose(*find(number), silent ? Reason::kSinkRefused : Reason::kSinkClosed);
  }
  fate_ = delivered_ ? Reason::kNone : lastLoss_;
}

}  // namespace dormouse::replay
