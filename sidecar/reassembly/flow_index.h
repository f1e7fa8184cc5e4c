// Finds a flow's record by its full key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reassembly/flow_record.h"

namespace dormouse::reassembly {

/// A hash table chained through the records. The hash is NH (Black, Halevi, Krawczyk, Krovetz and
/// Rogaway, "UMAC: Fast and Secure Message Authentication", 1999) with words of 64 bits, its sum
/// mixed by one more such product and folded to 32 bits. The key is drawn anew for each table and
/// nothing that depends on it leaves the process: two flows chosen without knowing it agree in NH's
/// sum with a probability of 2^-64, so that whoever chooses addresses and ports cannot choose where
/// they collide. Four multiplications, a quarter of what SipHash costs.
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
  std::array<std::uint64_t, 8> seed_;
  std::vector<FlowRecord*> buckets_;
};

}  // namespace dormouse::reassembly
