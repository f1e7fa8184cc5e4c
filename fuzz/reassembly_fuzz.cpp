// Bytes to packets to the flow table. Whatever they are, the books balance, the bounds hold, and no
// byte of a stream is lost, repeated or passed off as contiguous when it is not.
//
// Each packet takes eight bytes: control, flags, two of sequence offset, payload size, client, and
// two of acknowledgment. Control chooses what else happens; see step().
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "reassembly/flow_table.h"

namespace {

using namespace dormouse;
using namespace dormouse::reassembly;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "invariant broken: %s\n", what);
  std::abort();
}

/// Checks the order of events of each flow, and its bytes: every payload byte is the low byte of
/// its own sequence number, so within a stream each is one more than the byte before it.
class Checker : public FlowListener {
 public:
  Reason onAppear(const FlowKey& key, bool /*joinedLate*/) override {
    require(!open_.contains(keyOf(key)), "a known flow appears");
    if (refuse) return Reason::kFiltered;
    open_[keyOf(key)] = {};
    return Reason::kNone;
  }

  Reason onData(const FlowView& flow, std::span<const std::uint8_t> bytes) override {
    State& state = expect(flow);
    require(flow.bytes == state.bytes, "bytes are counted wrongly");
    require(flow.packets > 0, "data without a packet");
    state.id = flow.id;
    for (const std::uint8_t byte : bytes) {
      const bool holed = std::exchange(state.holed, false);
      const bool first = state.bytes++ == 0 || holed;
      if (flow.key.transport == capture::Transport::kTcp) {
        require(first || byte == static_cast<std::uint8_t>(state.last + 1), "a stream has a hole");
      }
      state.last = byte;
    }
    if (!abandon) return Reason::kNone;
    settle(flow);
    return Reason::kOverBudget;
  }

  AfterGap onGap(const FlowView& flow) override {
    State& state = expect(flow);
    if (!goOn) return AfterGap::kTombstone;
    state.holed = true;
    settled += flow.packets;
    return AfterGap::kGoOn;
  }

  void onEnd(const FlowView& flow, Reason reason, bool /*reset*/) override {
    require(expect(flow).bytes == flow.bytes, "an end counts other bytes");
    require(reason != Reason::kEmpty || flow.bytes == 0, "a flow with bytes ends as empty");
    settle(flow);
  }

  /// Abandons some open flow that has begun.
  void abandonOne(FlowTable& table) {
    for (auto& [key, state] : open_) {
      if (state.bytes == 0) continue;
      settled += table.abandon(state.id, Reason::kSinkClosed);
      require(table.abandon(state.id, Reason::kSinkClosed) == 0, "abandoned twice");
      open_.erase(key);
      return;
    }
  }

  std::uint64_t settled = 0;
  bool refuse = false;
  bool abandon = false;
  bool goOn = false;  // Behind holes.

 private:
  struct State {
    FlowId id;
    std::uint64_t bytes = 0;
    std::uint8_t last = 0;
    bool holed = false;  // The next byte comes behind a hole.
  };

  static std::uint32_t keyOf(const FlowKey& key) {
    return std::uint32_t{key.client.port} << 1 | static_cast<std::uint32_t>(key.transport);
  }
  State& expect(const FlowView& flow) {
    const auto found = open_.find(keyOf(flow.key));
    require(found != open_.end(), "an event of a flow that is not open");
    return found->second;
  }
  void settle(const FlowView& flow) {
    settled += flow.packets;
    open_.erase(keyOf(flow.key));
  }

  std::map<std::uint32_t, State> open_;
};

/// A table with limits that a short input can reach.
class Machine {
 public:
  Machine() { table_.addMirror(0, checker_); }

  void step(std::span<const std::uint8_t, 8> in) {
    const std::uint8_t control = in[0];
    checker_.refuse = (control & 0x0f) == 0x0f;
    checker_.abandon = (control & 0x0f) == 0x0e;
    checker_.goOn = (control & 0x80) != 0;
    if ((control & 0x0f) == 0x0d) checker_.abandonOne(table_);
    if ((control & 0x0f) == 0x0c) clock_.advance(std::chrono::milliseconds(in[6] * 100));
    if ((control & 0x0f) == 0x0b) clock_.advance(std::chrono::hours(1));
    require(table_.expire(clock_.now()) > clock_.now(), "something expired stays");

    capture::Packet packet;
    packet.source.port = in[5] % 8;
    packet.destination.port = 80;
    packet.transport = (control & 0x10) != 0 ? capture::Transport::kUdp : capture::Transport::kTcp;
    packet.flags = in[1];
    packet.acknowledgment = kFirst + (std::uint32_t{in[6]} << 8 | in[7]);
    // Mostly nearby, sometimes anywhere.
    const std::uint32_t offset = std::uint32_t{in[2]} << 8 | in[3];
    packet.sequence = kFirst + ((control & 0x20) != 0 ? offset << 16 : offset);
    const bool toServer = (control & 0x40) == 0;
    if (!toServer) std::swap(packet.source, packet.destination);
    // The byte that a SYN counts as shifts its payload by one number.
    payload_.resize(in[4]);
    std::uint32_t number = packet.sequence + (packet.has(capture::kSyn) ? 1U : 0U);
    for (std::uint8_t& byte : payload_) byte = static_cast<std::uint8_t>(number++);
    packet.payload = payload_;

    if (table_.add(0, packet, toServer, clock_.now()) == Reason::kNone) ++shared_;
    require(table_.heldBytes() <= kLimits.heldTotal, "too much is held");
    require(table_.flows() <= kLimits.maxFlows, "too many flows");
  }

  void finish() {
    table_.removeMirror(0);
    require(table_.flows() == 0, "flows are left");
    require(table_.heldBytes() == 0, "held bytes are left");
    require(checker_.settled == shared_, "packets have no fate, or two");
  }

 private:
  static constexpr std::uint32_t kFirst = 0xffffff00;  // Wraps early.
  static constexpr Limits kLimits = {.maxFlows = 5, .heldPerFlow = 1500, .heldTotal = 4000};

  ManualClock clock_;
  Checker checker_;
  FlowTable table_{kLimits};
  std::vector<std::uint8_t> payload_;
  std::uint64_t shared_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Machine machine;
  for (std::span<const std::uint8_t> rest(data, size); rest.size() >= 8; rest = rest.subspan(8)) {
    machine.step(rest.first<8>());
  }
  machine.finish();
  return 0;
}
