#include "mirror/response_stage.h"

#include <utility>

namespace dormouse::mirror {
namespace {

// The pod's end of a connection may not be captured, or not belong to a flow that is known.
constexpr Nanos kPatience = std::chrono::minutes(5);
constexpr Nanos kSweep = std::chrono::seconds(30);
// Of the length of the server's first frame, SETTINGS. No text begins with it.
constexpr std::uint8_t kHttp2First = 0;

}  // namespace

ResponseStage::ResponseStage(const Selection& selection, ResponseIntake& sink,
                             wire::Account& account)
    : selection_(selection), sink_(sink), account_(account) {}

ResponseStage::~ResponseStage() = default;

ResponseStage::Tuple ResponseStage::tupleOf(const reassembly::FlowKey& key, bool fromPod) {
  return fromPod ? Tuple(key.server, key.client, key.interface)
                 : Tuple(key.client, key.server, key.interface);
}

ResponseStage::Exchanges::iterator ResponseStage::find(const reassembly::FlowView& flow) {
  const auto found = exchanges_.find(tupleOf(flow.key, false));
  return found != exchanges_.end() && found->second->flow == flow.id ? found : exchanges_.end();
}

ResponseStage::Exchanges::iterator ResponseStage::findOrBegin(const reassembly::FlowView& flow,
                                                              bool http2, bool& isNew) {
  auto [exchange, made] = exchanges_.try_emplace(tupleOf(flow.key, false));
  const bool another = !made && exchange->second->flow.value_or(flow.id) != flow.id;
  if (another || (!made && exchange->second->overSince)) {
    // Another connection of the same tuple, or behind a hole.
    exchange->second->end(another ? Reason::kUnanswered : Reason::kGap);
    memory_.give(exchange->second->charge);
    made = true;
  }
  if (made) exchange->second = std::make_unique<ResponseExchange>(http2, sink_, account_);
  exchange->second->flow = flow.id;
  isNew = made;
  return exchange;
}

void ResponseStage::begin(const reassembly::FlowView& flow, const http::RequestHead& head,
                          const std::optional<Taken>& taken, bool fresh) {
  if (taken) {
    ++account_.seen;
    ++account_.open;
  }
  bool isNew = false;
  const auto exchange = findOrBegin(flow, false, isNew);
  // The connection may be one that was forgotten in the middle of a response.
  if (isNew && (flow.overdue || (starved_ && !fresh))) exchange->second->end(Reason::kGap);
  if (fresh && !flow.overdue) exchange->second->restart();
  exchange->second->begin(head, taken);
  tidy(exchange);
}

void ResponseStage::beginHttp2(const reassembly::FlowView& flow, const http::RequestHead& head,
                               Taken taken) {
  ++account_.seen;
  ++account_.open;
  bool isNew = false;
  const auto exchange = findOrBegin(flow, true, isNew);
  // The same; here there is no way to find in again.
  if (isNew && starved_) exchange->second->end(Reason::kOverBudget);
  exchange->second->beginHttp2(head, taken);
  tidy(exchange);
}

void ResponseStage::requestEnded(const reassembly::FlowView& flow) {
  const auto exchange = find(flow);
  if (exchange != exchanges_.end()) exchange->second->requestEnded(flow.timestamp);
}

void ResponseStage::requestEndedHttp2(const reassembly::FlowView& flow, std::uint32_t stream) {
  const auto exchange = find(flow);
  if (exchange != exchanges_.end()) exchange->second->requestEnded(stream, flow.timestamp);
}

void ResponseStage::giveUpHttp2(const reassembly::FlowView& flow, std::uint32_t stream,
                                Reason why) {
  const auto exchange = find(flow);
  if (exchange == exchanges_.end()) return;
  exchange->second->giveUp(stream, why);
  tidy(exchange);
}

void ResponseStage::requestsOver(const reassembly::FlowView& flow, Reason reason, bool reset,
                                 TimePoint now) {
  const auto exchange = find(flow);
  if (exchange == exchanges_.end()) return;
  exchange->second->overSince = now;
  if (reset) exchange->second->end(Reason::kUnanswered);
  if (reason == Reason::kIdle || reason == Reason::kEvicted) {
    exchange->second->end(reason);
  }
  tidy(exchange);
}

TimePoint ResponseStage::expire(TimePoint now) {
  if (exchanges_.empty()) return TimePoint::max();
  if (now < nextSweep_) return nextSweep_;
  for (auto next = exchanges_.begin(); next != exchanges_.end();) {
    const auto exchange = next++;
    const auto& since = exchange->second->overSince;
    if (!since || now - *since < kPatience) continue;
    exchange->second->end(Reason::kUnanswered);
    tidy(exchange);
  }
  return nextSweep_ = now + kSweep;
}

void ResponseStage::finish() {
  for (const auto& [tuple, exchange] : exchanges_) exchange->end(Reason::kMirrorEnded);
  exchanges_.clear();
}

Reason ResponseStage::onAppear(const reassembly::FlowKey& key, bool) {
  return selection_.judge(key.server, key.client);
}

Reason ResponseStage::onData(const reassembly::FlowView& flow,
                             std::span<const std::uint8_t> bytes) {
  auto exchange = exchanges_.find(tupleOf(flow.key, true));
  if (exchange == exchanges_.end()) {
    if (starved_ || flow.bytes != 0 || bytes.front() != kHttp2First) return Reason::kNone;
    exchange = exchanges_.try_emplace(tupleOf(flow.key, true)).first;
    exchange->second = std::make_unique<ResponseExchange>(true, sink_, account_);
  }
  ResponseExchange& one = *exchange->second;
  if (one.isHttp2() && flow.bytes == 0 && !flow.fromStart) one.end(Reason::kGap);
  one.feed(bytes, flow.timestamp);
  tidy(exchange);
  return Reason::kNone;
}

void ResponseStage::onEnd(const reassembly::FlowView& flow, Reason reason, bool reset) {
  const auto exchange = exchanges_.find(tupleOf(flow.key, true));
  if (exchange == exchanges_.end()) return;
  const bool byItself = reason == Reason::kNone || reason == Reason::kEmpty;
  if (byItself) reason = reset ? Reason::kUnanswered : Reason::kNone;
  exchange->second->end(reason);
  tidy(exchange);
}

void ResponseStage::tidy(Exchanges::iterator exchange) {
  ResponseExchange& held = *exchange->second;
  memory_.give(std::exchange(held.charge, 0));
  if (!memory_.take(held.held())) {
    held.shed();
    // It is remembered as lost, so that the rest of its responses is not taken for others.
    if (held.held() > memory_.limit() - memory_.used()) held.end(Reason::kOverBudget);
    if (!memory_.take(held.held())) {
      starved_ = true;
      exchanges_.erase(exchange);
      return;
    }
  }
  held.charge = held.held();
  const bool over = held.overSince && !held.waits();
  const bool strange = !held.flow && held.lost() != Reason::kNone;  // It was no HTTP/2 after all.
  if (!held.idle() && !over && !strange) return;
  memory_.give(held.charge);
  exchanges_.erase(exchange);
}

}  // namespace dormouse::mirror
