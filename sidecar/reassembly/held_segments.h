// The segments of one connection that arrived before their turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "reassembly/seq.h"

namespace dormouse::reassembly {

/// A copy of a segment. `end` counts the FIN, which takes a number of its own (RFC 9293, 3.4).
struct HeldSegment {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  std::optional<std::uint32_t> acknowledgment;  // As it came with the segment.
  bool fin = false;
  std::unique_ptr<std::uint8_t[]> bytes;

  std::uint32_t length() const { return end - start - (fin ? 1U : 0U); }
  /// Its bytes from `next` on; none if that is its end. REQUIRES: start <= next.
  std::span<const std::uint8_t> from(std::uint32_t next) const {
    const std::span<const std::uint8_t> all(bytes.get(), length());
    return all.subspan(std::min<std::size_t>(next - start, all.size()));
  }
};

/// Owned by its flow. Overlaps end as in Linux (net/ipv4/tcp_input.c, tcp_data_queue_ofo): the
/// earlier start wins; at equal start the longer one, which is then the later one; a segment that
/// another one covers is dropped. One thing is not followed: Linux may join two held segments that
/// touch exactly and from then on treats both as starting where the first does. Whether it does
/// depends on how its memory happens to be laid out.
///
/// Invariants:
///  1. No segment covers another, so starts and ends ascend together.
///  2. All starts lie within kMaxAhead of the next expected number, which SeqLess needs.
class HeldSegments {
 public:
  /// What a segment costs beside its bytes: a tree node, two allocations' headers and rounding.
  /// Counted so that a flood of tiny segments cannot hold more memory than the limits say.
  static constexpr std::size_t kOverhead = 128;

  static std::size_t cost(std::size_t bytes) { return bytes + kOverhead; }

  /// Whether a held segment contains all of [start, end).
  bool covers(std::uint32_t start, std::uint32_t end) const;
  /// Copies the bytes. REQUIRES: !covers(start, start + bytes.size() + fin); bytes or fin.
  void insert(std::uint32_t start, std::span<const std::uint8_t> bytes, bool fin,
              std::optional<std::uint32_t> acknowledgment = {});
  /// Takes out the first segment if it starts at or before `next`.
  std::optional<HeldSegment> popUpTo(std::uint32_t next);
  /// Takes out the first segment, if there is one.
  std::optional<HeldSegment> popFirst();

  std::size_t count() const { return segments_.size(); }
  bool empty() const { return segments_.empty(); }
  std::size_t cost() const { return cost_; }  // Sum over all segments.

 private:
  using Segments = std::map<std::uint32_t, HeldSegment, SeqLess>;

  Segments::iterator erase(Segments::iterator segment);

  Segments segments_;  // By start.
  std::size_t cost_ = 0;
};

}  // namespace dormouse::reassembly
