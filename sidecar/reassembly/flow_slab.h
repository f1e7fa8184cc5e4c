// Where flow records live: chunks that grow on demand, never move, and go all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "reassembly/flow_record.h"

namespace dormouse::reassembly {

/// Owns the records. Without a record in use it may be cleared; it then holds no memory.
class FlowSlab {
 public:
  explicit FlowSlab(std::size_t capacity) : capacity_(capacity) {}

  /// A fresh record in state kFree with a generation of its own, or null if `capacity` are in use.
  FlowRecord* take();
  /// Resets the record and keeps its memory for the next one.
  void giveBack(FlowRecord& flow);

  /// The record at that index, in use or not; null beyond the end.
  FlowRecord* at(std::uint32_t index);
  /// Indices below this one have been in use at some time since the last clear().
  std::uint32_t extent() const { return extent_; }
  std::size_t used() const { return used_; }

  /// REQUIRES: used() == 0.
  void clear();

 private:
  static constexpr std::uint32_t kChunk = 256;  // Records; about 50 KB.

  std::size_t capacity_;
  std::vector<std::unique_ptr<FlowRecord[]>> chunks_;
  FlowRecord* free_ = nullptr;  // Linked by FlowRecord::chain.
  std::uint32_t extent_ = 0;
  std::size_t used_ = 0;
  std::uint32_t generation_ = 0;  // Outlives clear(): a FlowId never comes back to life.
};

}  // namespace dormouse::reassembly
