#include "common/reason.h"

#include <array>

namespace dormouse {
namespace {

constexpr std::array<std::string_view, kReasonCount> kNames = {
    "none",         "kernel-drop",  "duplicate",   "fragment",
    "truncated",    "gap",          "joined-late", "empty",
    "tls",          "filtered",     "sampled-out", "rate-capped",
    "over-budget",  "sink-refused", "sink-closed", "redaction-needs-http",
    "unredactable", "malformed",    "evicted",     "idle",
    "mirror-ended", "unanswered"};

}  // namespace

std::string_view reasonName(Reason reason) {
  return kNames[static_cast<std::size_t>(reason)];
}

std::optional<Reason> parseReason(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

}  // namespace dormouse
