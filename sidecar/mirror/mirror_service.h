// What the control API can ask of the agent. Implemented by the wiring, faked in tests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/stream_socket.h"
#include "wire/ledger.h"
#include "wire/mirror_spec.h"

namespace dormouse::mirror {

enum class State : std::uint8_t { kActive, kEnded };

/// A mirror as a reader sees it: a copy, taken at one moment.
struct MirrorReport {
  std::string id;     // "m-" and 12 hex digits.
  std::string owner;  // The principal that made it.
  State state = State::kActive;
  bool push = false;
  wire::MirrorSpec spec;  // ttl filled in.
  WallTime started;
  WallTime expires;
  std::string endedBecause;  // "deleted", "ttl", "reader gone", "shutdown"…; empty while active.
  wire::Ledger ledger;
  std::string verdict;  // One plain sentence.
};

/// A stream whose capture is live and whose response head may now be sent. Destroying it without
/// start() ends the mirror.
class PendingStream {
 public:
  virtual ~PendingStream() = default;
  virtual const std::string& id() const = 0;
  /// Hands the socket over, after the head was written. At most once.
  virtual void start(std::unique_ptr<StreamSocket> socket) = 0;
};

struct AgentStatus {
  bool awake = false;
  std::string version;
  std::chrono::seconds uptime{0};
  std::vector<MirrorReport> mirrors;  // Active ones.
  // Since the start, all mirrors together.
  std::uint64_t packetsSeen = 0;
  std::uint64_t kernelDrops = 0;
  std::uint64_t wakes = 0;
};

/// Any thread may call; each call may take tens of milliseconds (captures are opened and closed on
/// the caller's thread). Failures are thrown as Problem: 400 a specification that cannot be, 403
/// beyond an admin's ceiling, 404 no such mirror, 409/429/503 limits and a missing capability.
class MirrorService {
 public:
  virtual ~MirrorService() = default;
  /// Returns once the capture is live.
  virtual MirrorReport createPush(const std::string& owner, const wire::MirrorSpec& spec) = 0;
  /// Returns once the capture is live.
  virtual std::unique_ptr<PendingStream> openStream(const std::string& owner,
                                                    const wire::MirrorSpec& spec) = 0;
  /// Active ones, then ended ones that are still readable, newest first.
  virtual std::vector<MirrorReport> list() = 0;
  /// Throws Problem 404.
  virtual MirrorReport find(const std::string& id) = 0;
  /// Ends that mirror; returns its final ledger once its capture is closed. 403 for another's
  /// mirror. Idempotent for one that has ended and is still readable.
  virtual MirrorReport end(const std::string& owner, const std::string& id) = 0;
  /// Ends all active mirrors of that owner.
  virtual std::vector<MirrorReport> endAll(const std::string& owner) = 0;
  virtual AgentStatus status() = 0;
};

}  // namespace dormouse::mirror
