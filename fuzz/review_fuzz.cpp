// Reviews from hostile bytes: every one is refused with a sentence or answered.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "injector/decision.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dormouse::injector;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  InjectionSettings settings;
  settings.image = "image";
  settings.pullSecrets = {"pull"};
  Review review;
  try {
    review = parseReview(text);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  const Surroundings surroundings{size % 3 == 0 ? Profile::kRestricted : Profile::kBaseline,
                                  size % 2 == 0};
  const Decision decision = decide(review, surroundings, {}, settings);
  if (decision.outcome == Outcome::kInternalError) __builtin_trap();
  const JsonObject answer = parseObject(toAnswer(review, decision));
  const JsonObject response = objectMember(answer, "response");
  if (stringMember(response, "uid") != review.uid) __builtin_trap();
  if (boolMember(response, "allowed") != true) __builtin_trap();
  return 0;
}
