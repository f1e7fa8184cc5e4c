#include "client/local_answers.h"

#include <utility>

#include "http/http2_response_pairing.h"
#include "wire/frames.h"

namespace dormouse::client {
namespace {

http::Asked askedBy(const replay::Http2Fields& head) {
  for (const auto& [name, value] : head) {
    if (name != ":method") continue;
    if (value == "CONNECT") return http::Asked::kConnect;
    if (value == "HEAD") return http::Asked::kHead;
  }
  return http::Asked::kUsual;
}

}  // namespace

/// One connection to the program.
class LocalAnswers::Leg final : private http::PairingListener {
 public:
  explicit Leg(LocalAnswers& answers) : answers_(answers) {}

  void begin(const replay::Http2Request& request) {
    const auto stream = static_cast<std::uint32_t>(request.stream);
    numbers_[stream] = request.number;
    pairing_.begin(stream, askedBy(request.head));
  }
  void feed(std::span<const std::uint8_t> bytes) {
    pairing_.feed(bytes, WallTime());
    if (pairing_.held() > kMostHeld) pairing_.shed(Reason::kOverBudget);
  }
  void end() { pairing_.end(Reason::kNone); }

 private:
  void onResponse(http::PairedResponse&& response) override {
    tell(response.request, &response, Reason::kNone);
  }
  void onMissing(std::uint64_t stream, Reason why) override { tell(stream, nullptr, why); }
  void tell(std::uint64_t stream, http::PairedResponse* response, Reason why) {
    const auto number = numbers_.extract(static_cast<std::uint32_t>(stream));
    answers_.listener_.onLocalHttp2Answer(answers_.connection_, number.mapped(), response, why);
  }

  LocalAnswers& answers_;
  http::Http2ResponsePairing pairing_{wire::kMaxResponseBody, *this};
  std::map<std::uint32_t, std::uint32_t> numbers_;  // Of the requests, by stream.
};

LocalAnswers::LocalAnswers(std::uint64_t connection, LocalEndListener& listener)
    : connection_(connection), listener_(listener) {}

LocalAnswers::~LocalAnswers() = default;

void LocalAnswers::onBegun(const replay::Http2Leg& leg, const replay::Http2Request& request) {
  auto& one = legs_[&leg];
  if (!one) one = std::make_unique<Leg>(*this);
  one->begin(request);
}

void LocalAnswers::onReceived(const replay::Http2Leg& leg, std::span<const std::uint8_t> bytes) {
  auto& one = legs_[&leg];
  if (!one) one = std::make_unique<Leg>(*this);
  one->feed(bytes);
}

void LocalAnswers::onGone(const replay::Http2Leg& leg) {
  const auto one = legs_.extract(&leg);
  if (!one.empty()) one.mapped()->end();
}

}  // namespace dormouse::client
