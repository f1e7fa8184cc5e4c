#include "mirror/response_stage.h"

#include <utility>

namespace dormouse::mirror {
namespace {

constexpr std::size_t kMaxPath = 1024;  // Of a request's path, what its response repeats.
constexpr std::size_t kMaxMethod = 32;
// The pod's end of a connection may not be captured, or not belong to a flow that is known.
constexpr Nanos kPatience = std::chrono::minutes(5);
constexpr Nanos kSweep = std::chrono::seconds(30);

http::Asked askedBy(const http::RequestHead& head) {
  if (head.connect) return http::Asked::kConnect;
  return head.method == "HEAD" ? http::Asked::kHead : http::Asked::kUsual;
}

/// Whether a connection whose responses cannot be read may be followed again.
bool mayRestart(Reason lost) {
  return lost != Reason::kUnanswered && lost != Reason::kMirrorEnded;
}

}  // namespace

/// One connection with requests that wait for their responses.
class ResponseStage::Exchange final : public http::PairingListener {
 public:
  Exchange(ResponseStage& stage, reassembly::FlowId flow)
      : stage_(stage), flow_(flow), pairing_(kMaxBody, *this) {}

  reassembly::FlowId flow() const { return flow_; }
  http::ResponsePairing& pairing() { return pairing_; }

  void begin(const http::RequestHead& head, const std::optional<Taken>& taken) {
    std::optional<std::uint64_t> number;
    if (taken) {
      number = taken->number;
      waiting_.push_back({stage_.sink_.numberOf(taken->connection), taken->number,
                          std::string(head.method.substr(0, kMaxMethod)),
                          std::string(http::pathOf(head.target).substr(0, kMaxPath))});
      text_ += waiting_.back().method.size() + waiting_.back().path.size();
    }
    pairing_.begin(number, askedBy(head));
  }

  void onResponse(http::PairedResponse&& response) override { hand(&response, Reason::kNone); }
  void onMissing(std::uint64_t, Reason why) override { hand(nullptr, why); }

  std::optional<TimePoint> overSince;  // No request follows.
  std::size_t charge = 0;              // What it takes of the stage's memory.

  std::size_t held() const {
    constexpr std::size_t kNode = 64 + 600;  // Of the map; of the deque.
    return sizeof(Exchange) + sizeof(Tuple) + kNode + pairing_.held() + text_ +
           waiting_.size() * sizeof(Waiting);
  }

 private:
  struct Waiting {
    std::uint64_t connection;
    std::uint32_t number;
    std::string method;
    std::string path;
  };

  /// The pairing tells of the requests in their order.
  void hand(const http::PairedResponse* response, Reason missing) {
    const Waiting request = std::move(waiting_.front());
    waiting_.pop_front();
    text_ -= request.method.size() + request.path.size();
    stage_.hand(
        {request.connection, request.number, request.method, request.path, response, missing});
  }

  ResponseStage& stage_;
  const reassembly::FlowId flow_;
  http::ResponsePairing pairing_;
  std::deque<Waiting> waiting_;
  std::size_t text_ = 0;  // Bytes of their methods and paths.
};

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
  return found != exchanges_.end() && found->second->flow() == flow.id ? found : exchanges_.end();
}

void ResponseStage::begin(const reassembly::FlowView& flow, const http::RequestHead& head,
                          const std::optional<Taken>& taken, bool fresh) {
  if (taken) {
    ++account_.seen;
    ++account_.open;
  }
  auto [exchange, isNew] = exchanges_.try_emplace(tupleOf(flow.key, false));
  const bool another = !isNew && exchange->second->flow() != flow.id;
  if (another || (!isNew && exchange->second->overSince)) {
    // Another connection of the same tuple, or behind a hole.
    exchange->second->pairing().end(another ? Reason::kUnanswered : Reason::kGap);
    memory_.give(exchange->second->charge);
    isNew = true;
  }
  if (isNew) {
    exchange->second = std::make_unique<Exchange>(*this, flow.id);
    // The connection may be one that was forgotten in the middle of a response.
    if (flow.overdue || (starved_ && !fresh)) exchange->second->pairing().end(Reason::kGap);
  }
  http::ResponsePairing& pairing = exchange->second->pairing();
  if (fresh && !flow.overdue && pairing.lost() != Reason::kNone && mayRestart(pairing.lost()))
    pairing.restart();
  exchange->second->begin(head, taken);
  tidy(exchange);
}

void ResponseStage::requestEnded(const reassembly::FlowView& flow) {
  const auto exchange = find(flow);
  if (exchange != exchanges_.end()) exchange->second->pairing().requestEnded(flow.timestamp);
}

void ResponseStage::requestsOver(const reassembly::FlowView& flow, Reason reason, bool reset,
                                 TimePoint now) {
  const auto exchange = find(flow);
  if (exchange == exchanges_.end()) return;
  exchange->second->overSince = now;
  if (reset) exchange->second->pairing().end(Reason::kUnanswered);
  if (reason == Reason::kIdle || reason == Reason::kEvicted) {
    exchange->second->pairing().end(reason);
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
    exchange->second->pairing().end(Reason::kUnanswered);
    tidy(exchange);
  }
  return nextSweep_ = now + kSweep;
}

void ResponseStage::finish() {
  for (const auto& [tuple, exchange] : exchanges_) exchange->pairing().end(Reason::kMirrorEnded);
  exchanges_.clear();
}

Reason ResponseStage::onAppear(const reassembly::FlowKey& key, bool) {
  return selection_.judge(key.server, key.client);
}

Reason ResponseStage::onData(const reassembly::FlowView& flow,
                             std::span<const std::uint8_t> bytes) {
  const auto exchange = exchanges_.find(tupleOf(flow.key, true));
  if (exchange == exchanges_.end()) return Reason::kNone;
  exchange->second->pairing().feed(bytes, flow.timestamp);
  tidy(exchange);
  return Reason::kNone;
}

void ResponseStage::onEnd(const reassembly::FlowView& flow, Reason reason, bool reset) {
  const auto exchange = exchanges_.find(tupleOf(flow.key, true));
  if (exchange == exchanges_.end()) return;
  const bool byItself = reason == Reason::kNone || reason == Reason::kEmpty;
  if (byItself) reason = reset ? Reason::kUnanswered : Reason::kNone;
  exchange->second->pairing().end(reason);
  tidy(exchange);
}

void ResponseStage::tidy(Exchanges::iterator exchange) {
  Exchange& held = *exchange->second;
  memory_.give(std::exchange(held.charge, 0));
  if (!memory_.take(held.held())) {
    // It is remembered as lost, so that the rest of its responses is not taken for others.
    held.pairing().end(Reason::kOverBudget);
    if (!memory_.take(held.held())) {
      starved_ = true;
      exchanges_.erase(exchange);
      return;
    }
  }
  held.charge = held.held();
  const bool idle = held.pairing().idle();
  if (!idle && !(held.overSince && !held.pairing().waits())) return;
  memory_.give(held.charge);
  exchanges_.erase(exchange);
}

void ResponseStage::hand(const ResponseInfo& info) {
  const Reason refused = sink_.response(info);
  if (info.missing != Reason::kNone) {
    account_.settle(info.missing);
  } else if (refused != Reason::kNone) {
    account_.settle(refused);
  }
}

}  // namespace dormouse::mirror
