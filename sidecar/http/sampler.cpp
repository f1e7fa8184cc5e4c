#include "http/sampler.h"

#include <algorithm>
#include <utility>

namespace dormouse::http {
namespace {

bool isHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

double sampleRank(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  hash ^= hash >> 33U;
  return static_cast<double>(hash >> 11U) * 0x1p-53 * 100;
}

std::optional<std::string_view> traceId(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 digits.
  if (traceparent.size() < 55 || traceparent[2] != '-' || traceparent[35] != '-') {
    return std::nullopt;
  }
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view id = traceparent.substr(3, 32);
  if (!isHex(version) || version == "ff" || !isHex(id)) return std::nullopt;
  if (id.find_first_not_of('0') == std::string_view::npos) return std::nullopt;
  return id;
}

Sampler::Sampler(double percent, SampleKey key) : percent_(percent), key_(std::move(key)) {}

bool Sampler::contains(const RequestHead& head) {
  if (const auto key = keyOf(head)) return sampleRank(*key) < percent_;
  due_ += percent_;
  if (due_ < 100) return false;
  due_ -= 100;
  return true;
}

std::optional<std::string_view> Sampler::keyOf(const RequestHead& head) const {
  switch (key_.kind) {
    case SampleKey::Kind::kNone:
      return std::nullopt;
    case SampleKey::Kind::kHeader:
      return findField(head, key_.name);
    case SampleKey::Kind::kCookie:
      return findCookie(head, key_.name);
    case SampleKey::Kind::kTrace: {
      const auto field = findField(head, "traceparent");
      return field ? traceId(*field) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace dormouse::http
