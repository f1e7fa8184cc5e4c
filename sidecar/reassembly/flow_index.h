// Finds a flow's record by its full key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reassembly/flow_record.h"

namespace dormouse::reassembly {

/// A hash table chained through the records. The hash is SipHash-1-3 (Aumasson and Bernstein,
/// "SipHash: a fast short-input PRF", 2012) under a key drawn anew for each table: whoever chooses
/// addresses and ports cannot choose where they collide.
class FlowIndex {
 public:
  /// `capacity`: how many flows to be quick for. Holds no memory before the first insert().
  explicit FlowIndex(std::size_t capacity);

  FlowRecord* find(const FlowKey& key) const;
  /// REQUIRES: the key is not yet in.
  void insert(FlowRecord& flow);
  /// REQUIRES: `flow` is in.
  void remove(FlowRecord& flow);
  /// Gives the memory back. REQUIRES: no flow is in.
  void clear();

 private:
  std::uint32_t hash(const FlowKey& key) const;
  std::size_t bucket(std::uint32_t hash) const { return hash & (buckets_.size() - 1); }

  std::size_t bucketCount_;  // A power of two.
  std::array<std::uint64_t, 2> seed_;
  std::vector<FlowRecord*> buckets_;
};

}  // namespace dormouse::reassembly
