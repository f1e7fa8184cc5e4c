#include "client/comparison.h"

#include <numeric>

#include "client/display.h"
#include "client/outcome.h"
#include "common/utf8.h"

namespace dormouse::client {
namespace {

constexpr std::size_t kMostMethod = 32;
constexpr std::size_t kMostTarget = 1000;

std::uint64_t sumOf(const CompareCounts::ByReason& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

std::uint64_t CompareCounts::notCompared() const {
  return sumOf(podMissing) + sumOf(localMissing);
}

bool CompareCounts::complete() const {
  const auto ended = static_cast<std::size_t>(Reason::kMirrorEnded);
  return notCompared() == podMissing[ended] + localMissing[ended];
}

std::string CompareCounts::verdict() const {
  const auto plural = [](std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " response" : " responses");
  };
  std::string text = compared() == 0 ? "no responses compared"
                                     : plural(compared()) + " compared: " + std::to_string(equal) +
                                           " equal, " + std::to_string(different) + " different";
  if (notCompared() == 0) return text;
  text += "; " + std::to_string(notCompared()) + " not compared: ";
  const std::string pod = formatSkipped(podMissing);
  const std::string local = formatSkipped(localMissing);
  if (!pod.empty()) text += "the pod's missing (" + pod + ")";
  if (!local.empty()) text += (pod.empty() ? "" : ", ") + ("the local one missing (" + local + ")");
  return text;
}

void Comparison::compare(const std::string& pod, const std::string& method,
                         const std::string& target, const Answer& podAnswer,
                         const Answer& localAnswer) {
  Differences differences = compareAnswers(podAnswer, localAnswer, rules_);
  if (differences.total == 0) {
    ++counts_.equal;
    return;
  }
  ++counts_.different;
  found_({pod, toValidUtf8(printable(method, kMostMethod)),
          toValidUtf8(printable(target, kMostTarget)), podAnswer.status, localAnswer.status,
          std::move(differences)});
}

void Comparison::missing(Reason ofPod, Reason ofLocal) {
  const bool pods = ofPod != Reason::kNone;
  auto& counts = pods ? counts_.podMissing : counts_.localMissing;
  ++counts[static_cast<std::size_t>(pods ? ofPod : ofLocal)];
}

}  // namespace dormouse::client
