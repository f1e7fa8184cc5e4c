#include "mirror/request_gate.h"

#include <string_view>

namespace dormouse::mirror {
namespace {

http::FilterRules rulesOf(const wire::RequestSelection& selection) {
  http::FilterRules rules;
  rules.methods = selection.methods;
  rules.path = selection.path;
  for (const auto& header : selection.headers) {
    rules.headers.push_back({header.name, header.pattern});
  }
  rules.probes = selection.probes.value_or(false);
  return rules;
}

http::SampleKey keyOf(const std::string& by) {
  using Kind = http::SampleKey::Kind;
  if (by.empty()) return {};
  const std::size_t colon = by.find(':');
  if (colon == std::string::npos) return {Kind::kTrace, ""};
  const Kind kind = by.starts_with("header:") ? Kind::kHeader : Kind::kCookie;
  return {kind, by.substr(colon + 1)};
}

}  // namespace

RequestGate::RequestGate(const wire::MirrorSpec& spec, http::HeadStart& headStart)
    : filter_(rulesOf(spec.requests)) {
  const wire::RequestSelection& selection = spec.requests;
  if (selection.percent > 0) sampler_.emplace(selection.percent, keyOf(selection.by));
  if (spec.ceilingPercent > 0 && !selection.by.empty()) {
    ceiling_.emplace(spec.ceilingPercent, headStart);
  }
  if (selection.rate > 0) cap_.emplace(selection.rate);
}

std::size_t RequestGate::memoryFor(const wire::RequestSelection& selection) {
  const std::size_t patterns = selection.headers.size() + (selection.path.empty() ? 0 : 1);
  return patterns * http::RequestFilter::kPatternMemory;
}

Reason RequestGate::select(const http::RequestHead& head) {
  if (!filter_.matches(head)) return Reason::kFiltered;
  const bool sampled = !sampler_ || sampler_->contains(head);
  if (ceiling_ ? !ceiling_->take(sampled) : !sampled) return Reason::kSampledOut;
  return Reason::kNone;
}

Reason RequestGate::admit(TimePoint now) {
  return !cap_ || cap_->take(now) ? Reason::kNone : Reason::kRateCapped;
}

}  // namespace dormouse::mirror
