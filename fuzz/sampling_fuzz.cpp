// What selects requests: a sample by a key is a pure function of the key's value and grows with the
// share; the even choice, the ceiling and the rate never take more than theirs.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include "http/http1_parser.h"
#include "http/rate_cap.h"
#include "http/sampler.h"
#include "http/share_cap.h"

namespace {

using namespace dormouse::http;  // NOLINT(google-build-using-namespace): a program of its own.

void require(bool condition) {
  if (!condition) std::abort();
}

/// Has every head judged by samples of a smaller and a larger share.
class Judge final : public RequestListener {
 public:
  explicit Judge(double percent) : percent_(percent) {}

  void onHead(const RequestHead& head) override {
    ++seen_;
    for (const SampleKey& key : kKeys) {
      const bool in = Sampler(percent_, key).contains(head);
      if (!present(head, key)) continue;
      require(Sampler(percent_, key).contains(head) == in);
      require(!in || Sampler(percent_ / 2 + 50, key).contains(head));
    }
    taken_ += even_.contains(head) ? 1 : 0;
    require(taken_ <= percent_ / 100 * seen_ + 1e-6);
    const bool wanted = !head.target.empty() && head.target.back() % 2 == 0;
    // A second mirror, which begins anew at every third request, profits from nothing.
    if (seen_ % 3 == 0) again_.emplace(percent_, headStart_);
    capped_ += ceiling_.take(wanted) ? 1 : 0;
    cappedAgain_ += again_->take(true) ? 1 : 0;
    require(capped_ <= HeadStart::kPlaces + percent_ / 100 * seen_ + 1e-6);
    require(cappedAgain_ <= HeadStart::kPlaces + percent_ / 100 * seen_ + 1e-6);
    require(capped_ + cappedAgain_ <= HeadStart::kPlaces + 2 * percent_ / 100 * seen_ + 1e-6);
    // As much time as the target's length says, in milliseconds.
    now_ += std::chrono::milliseconds(head.target.size());
    rated_ += rate_.take(now_) ? 1 : 0;
    require(rated_ <=
            kRate + kRate * std::chrono::duration<double>(now_.time_since_epoch()).count());
  }
  void onBody(std::span<const std::uint8_t>, std::span<const std::uint8_t>) override {}
  void onRequestEnd() override {}
  void onOther(std::span<const std::uint8_t>) override {}

 private:
  static bool present(const RequestHead& head, const SampleKey& key) {
    if (key.kind == SampleKey::Kind::kHeader) return findField(head, key.name).has_value();
    if (key.kind == SampleKey::Kind::kCookie) return findCookie(head, key.name).has_value();
    const auto trace = findField(head, "traceparent");
    const auto id = trace ? traceId(*trace) : std::nullopt;
    require(!id || id->size() == 32);
    return id.has_value();
  }

  static constexpr int kRate = 3;
  inline static const SampleKey kKeys[] = {{SampleKey::Kind::kHeader, "x"},
                                           {SampleKey::Kind::kCookie, "sid"},
                                           {SampleKey::Kind::kTrace, ""}};
  const double percent_;
  Sampler even_{percent_, {}};
  HeadStart headStart_;
  ShareCap ceiling_{percent_, headStart_};
  std::optional<ShareCap> again_{std::in_place, percent_, headStart_};
  RateCap rate_{kRate};
  dormouse::TimePoint now_{};
  int seen_ = 0;
  int taken_ = 0;
  int capped_ = 0;
  int cappedAgain_ = 0;
  int rated_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the share.
  Judge judge(100.0 * (1 + data[0]) / 256);
  Http1Parser parser;
  parser.feed({data + 1, size - 1}, judge);
  const double rank = sampleRank({reinterpret_cast<const char*>(data), size});
  require(rank >= 0 && rank < 100);
  return 0;
}
