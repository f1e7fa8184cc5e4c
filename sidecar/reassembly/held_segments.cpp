#include "reassembly/held_segments.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dormouse::reassembly {

// The node of a std::map has three pointers and a colour before the value; each of the two blocks
// costs the allocator at most 24 bytes more.
static_assert(4 * sizeof(void*) + sizeof(std::pair<const std::uint32_t, HeldSegment>) + 48 <=
              HeldSegments::kOverhead);

bool HeldSegments::covers(std::uint32_t start, std::uint32_t end) const {
  const auto after = segments_.upper_bound(start);
  if (after == segments_.begin()) return false;
  // By invariant 1 nobody who starts at or before `start` reaches further than the last of them.
  return seqDiff(end, std::prev(after)->second.end) <= 0;
}

void HeldSegments::insert(std::uint32_t start, std::span<const std::uint8_t> bytes, bool fin,
                          std::optional<std::uint32_t> acknowledgment) {
  HeldSegment segment;
  segment.start = start;
  segment.end = start + static_cast<std::uint32_t>(bytes.size()) + (fin ? 1U : 0U);
  segment.acknowledgment = acknowledgment;
  segment.fin = fin;
  segment.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), segment.bytes.get());

  // One of equal start is shorter, else it would cover this one.
  auto at = segments_.lower_bound(start);
  while (at != segments_.end() && seqDiff(at->second.end, segment.end) <= 0) at = erase(at);
  segments_.emplace_hint(at, start, std::move(segment));
  cost_ += cost(bytes.size());
}

std::optional<HeldSegment> HeldSegments::popUpTo(std::uint32_t next) {
  const auto first = segments_.begin();
  if (first == segments_.end() || seqDiff(first->first, next) > 0) return std::nullopt;
  return popFirst();
}

std::optional<HeldSegment> HeldSegments::popFirst() {
  if (segments_.empty()) return std::nullopt;
  HeldSegment segment = std::move(segments_.begin()->second);
  erase(segments_.begin());
  return segment;
}

HeldSegments::Segments::iterator HeldSegments::erase(Segments::iterator segment) {
  cost_ -= cost(segment->second.length());
  return segments_.erase(segment);
}

}  // namespace dormouse::reassembly
