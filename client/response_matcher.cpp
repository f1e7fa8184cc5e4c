#include "client/response_matcher.h"

#include <optional>
#include <string_view>
#include <utility>

#include "http/http1_parser.h"
#include "http/response_pairing.h"

namespace dormouse::client {
namespace {

std::string textOf(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

/// One connection: its requests without both responses.
class ResponseMatcher::Connection final : private http::RequestListener,
                                          private http::PairingListener {
 public:
  explicit Connection(ResponseMatcher& matcher) : matcher_(matcher) {}
  ~Connection() override {
    for (const auto& [number, half] : halves_) matcher_.held_ -= half.size;
  }

  void request(std::span<const std::uint8_t> bytes) { requests_.feed(bytes, *this); }
  void localResponse(std::span<const std::uint8_t> bytes) { local_.feed(bytes, WallTime()); }
  void localEnded(Reason why) {
    ended_ = true;
    local_.end(why);
    if (why == Reason::kNone) why = Reason::kUnanswered;
    for (auto half = halves_.begin(); half != halves_.end();) {
      const auto current = half++;  // One of HTTP/2.
      if (!current->second.local) lack(current, Reason::kNone, why);
    }
  }
  void begin(const wire::RequestFrame& frame) {
    std::string_view method;
    std::string_view target;
    for (const wire::FieldView& field : frame.fields) {
      if (field.name == ":method") method = field.value;
      if (field.name == ":path") target = field.value;
      if (field.name == ":authority" && target.empty()) target = field.value;  // Of CONNECT.
    }
    remember(frame.request, method, target);
  }
  void localHttp2Answer(std::uint32_t request, http::PairedResponse* answer, Reason missing) {
    const auto half = halves_.find(request);
    if (half == halves_.end() || half->second.local) return;
    if (answer == nullptr) return lack(half, Reason::kNone, missing);
    answered(half, std::move(*answer));
  }
  void podResponse(const wire::ResponseFrame& frame) {
    const auto half = halves_.find(frame.request);
    if (half == halves_.end() || half->second.pod) return;
    if (frame.status == 0) return lack(half, frame.missing, Reason::kNone);
    if (!hold(half, frame.head.size() + frame.body.size())) return;
    half->second.pod = {frame.status, textOf(frame.head), textOf(frame.body), frame.bodyBytes};
    settle(half);
  }
  void podEnded() {
    closed_ = true;
    for (auto half = halves_.begin(); half != halves_.end();) {
      const auto current = half++;
      if (!current->second.pod) lack(current, Reason::kMirrorEnded, Reason::kNone);
    }
  }
  void closed() { closed_ = true; }
  bool over() const { return closed_ && halves_.empty() && ended_; }

 private:
  struct Half {
    std::string method;
    std::string target;
    std::optional<Answer> pod;
    std::optional<Answer> local;
    std::size_t size = 0;  // What it takes of the matcher's bound.
  };
  using Halves = std::map<std::uint32_t, Half>;

  // Of the requests.
  void onHead(const http::RequestHead& head) override {
    const std::uint32_t number = ++count_;
    http::Asked asked = http::Asked::kUsual;
    if (head.method == "HEAD") asked = http::Asked::kHead;
    if (head.connect) asked = http::Asked::kConnect;
    const bool held = remember(number, head.method, head.target);
    local_.begin(held ? std::make_optional<std::uint64_t>(number) : std::nullopt, asked);
  }
  void onBody(std::span<const std::uint8_t>, std::span<const std::uint8_t>) override {}
  void onRequestEnd() override {}
  void onOther(std::span<const std::uint8_t>) override {}

  // Of the local program's responses.
  void onResponse(http::PairedResponse&& response) override {
    const auto half = halves_.find(static_cast<std::uint32_t>(response.request));
    if (half != halves_.end()) answered(half, std::move(response));
  }
  void onMissing(std::uint64_t request, Reason why) override {
    const auto half = halves_.find(static_cast<std::uint32_t>(request));
    if (half == halves_.end()) return;
    lack(half, Reason::kNone, why);
  }

  /// False if it does not fit.
  bool remember(std::uint32_t number, std::string_view method, std::string_view target) {
    const auto half = halves_.try_emplace(number).first;
    half->second.method = method;
    half->second.target = target.substr(0, kMostTarget);
    return hold(half, sizeof(Half) + kNode + half->second.method.size() + kMostTarget);
  }
  void answered(Halves::iterator half, http::PairedResponse&& response) {
    Answer answer{response.status, std::move(response.head), std::move(response.body),
                  response.bodyBytes};
    if (!hold(half, answer.head.size() + answer.body.size())) return;
    half->second.local = std::move(answer);
    settle(half);
  }

  /// False, and the request is not compared, if that does not fit.
  bool hold(Halves::iterator half, std::size_t bytes) {
    if (bytes <= kMostHeld - matcher_.held_) {
      half->second.size += bytes;
      matcher_.held_ += bytes;
      return true;
    }
    lack(half, Reason::kNone, Reason::kOverBudget);
    return false;
  }
  /// One side's response will not come; nothing is left to wait for.
  void lack(Halves::iterator half, Reason ofPod, Reason ofLocal) {
    drop(half);
    matcher_.comparison_.missing(ofPod, ofLocal);
  }
  /// Compares, once both responses are there.
  void settle(Halves::iterator half) {
    const Half& one = half->second;
    if (!one.pod || !one.local) return;
    matcher_.comparison_.compare(matcher_.pod_, one.method, one.target, *one.pod, *one.local);
    drop(half);
  }
  void drop(Halves::iterator half) {
    matcher_.held_ -= half->second.size;
    halves_.erase(half);
  }

  static constexpr std::size_t kNode = 64;  // Of the map.
  static constexpr std::size_t kMostTarget = 1024;
  static constexpr std::size_t kMostBody = wire::kMaxResponseBody;

  ResponseMatcher& matcher_;
  http::Http1Parser requests_;
  http::ResponsePairing local_{kMostBody, *this};
  Halves halves_;
  std::uint32_t count_ = 0;
  bool closed_ = false;
  bool ended_ = false;
};

ResponseMatcher::ResponseMatcher(std::string pod, Comparison& comparison)
    : pod_(std::move(pod)), comparison_(comparison) {}

ResponseMatcher::~ResponseMatcher() = default;

void ResponseMatcher::open(std::uint64_t connection) {
  connections_[connection] = std::make_unique<Connection>(*this);
}

ResponseMatcher::Connection* ResponseMatcher::find(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second.get();
}

void ResponseMatcher::begin(const wire::RequestFrame& frame) {
  if (Connection* one = find(frame.connection)) one->begin(frame);
}

void ResponseMatcher::localHttp2Answer(std::uint64_t connection, std::uint32_t request,
                                       http::PairedResponse* answer, Reason missing) {
  if (Connection* one = find(connection)) one->localHttp2Answer(request, answer, missing);
  tidy(connection);
}

void ResponseMatcher::request(std::uint64_t connection, std::span<const std::uint8_t> bytes) {
  if (Connection* one = find(connection)) one->request(bytes);
}

void ResponseMatcher::closed(std::uint64_t connection) {
  if (Connection* one = find(connection)) one->closed();
  tidy(connection);
}

void ResponseMatcher::podResponse(const wire::ResponseFrame& frame) {
  if (Connection* one = find(frame.connection)) one->podResponse(frame);
  tidy(frame.connection);
}

void ResponseMatcher::localResponse(std::uint64_t connection, std::span<const std::uint8_t> bytes) {
  if (Connection* one = find(connection)) one->localResponse(bytes);
}

void ResponseMatcher::localEnded(std::uint64_t connection, Reason why) {
  if (Connection* one = find(connection)) one->localEnded(why);
  tidy(connection);
}

void ResponseMatcher::podEnded() {
  for (auto one = connections_.begin(); one != connections_.end();) {
    one->second->podEnded();
    one = one->second->over() ? connections_.erase(one) : std::next(one);
  }
}

void ResponseMatcher::tidy(std::uint64_t connection) {
  const auto found = connections_.find(connection);
  if (found != connections_.end() && found->second->over()) connections_.erase(found);
}

}  // namespace dormouse::client
