// All that is held out of order, of all flows: its limits, its account, and whose turn it is when
// it has waited too long or grown too large.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "capture/packet.h"
#include "common/clock.h"
#include "reassembly/flow_list.h"
#include "reassembly/flow_record.h"
#include "reassembly/held_segments.h"

namespace dormouse::reassembly {

/// Fills and empties FlowRecord::held; nothing else does. Costs are bytes, HeldSegments::kOverhead
/// for each segment included.
class HeldPool {
 public:
  HeldPool(std::size_t perFlow, std::size_t total) : perFlow_(perFlow), limit_(total) {}

  /// Whether the flow itself may hold that much more.
  bool fitsFlow(const FlowRecord& flow, std::size_t bytes) const;
  /// Whether all together may.
  bool fitsTotal(std::size_t bytes) const;
  /// Who has to go so that `flow` may hold `bytes` more: whoever holds most, what `flow` wants
  /// included, to within a factor of two. So a greedy connection costs a modest one nothing.
  FlowRecord& heaviest(FlowRecord& flow, std::size_t bytes) const;

  /// REQUIRES: no held segment covers it; it fits, or the flow's holes are given up at once.
  void hold(FlowRecord& flow, std::uint32_t start, const capture::Packet& packet, TimePoint now);
  /// Takes out the flow's first segment if it starts at or before the next expected number.
  std::optional<HeldSegment> pop(FlowRecord& flow);
  /// The flow has come as far as it can: it holds nothing more, or its next hole begins to wait.
  void restart(FlowRecord& flow, TimePoint now);
  /// Hands out all that the flow holds; null if that is nothing.
  std::unique_ptr<HeldSegments> detach(FlowRecord& flow);
  /// Drops all that the flow holds, if anything.
  void release(FlowRecord& flow);

  /// The flow whose hole has waited longest, or null.
  FlowRecord* oldestHole() const { return holes_.front(); }
  std::size_t total() const { return total_; }

 private:
  using SizeList = FlowList<&FlowRecord::size>;

  static std::size_t costOf(const FlowRecord& flow) { return flow.held ? flow.held->cost() : 0; }
  /// Enters a changed cost of the flow into the account and the flow into its list.
  void recount(FlowRecord& flow, std::size_t before);

  std::size_t perFlow_;
  std::size_t limit_;
  std::size_t total_ = 0;
  FlowList<&FlowRecord::hole> holes_;
  /// By the bits of the cost; the first list stays empty.
  std::array<SizeList, std::numeric_limits<std::size_t>::digits + 1> sizes_;
};

}  // namespace dormouse::reassembly
