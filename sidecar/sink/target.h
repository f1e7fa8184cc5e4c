// Where a push mirror connects to: a name or an address, and what may become of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/executor.h"
#include "common/ip.h"
#include "sink/resolver.h"

namespace dormouse::sink {

/// `to` as it was written.
struct TargetName {
  std::string host;                  // Without brackets.
  std::uint16_t port = 0;            // 1 to 65535.
  std::optional<IpAddress> literal;  // If the host is an address.

  /// HOST:PORT or [V6]:PORT. Throws std::invalid_argument with a sentence.
  static TargetName parse(std::string_view to);
  std::string toString() const;
};

/// What a mirror may connect to. Values; shared between threads unchanged.
struct TargetPolicy {
  std::vector<Network> allowed;  // By the administrator; empty: push is off.
  std::vector<std::uint16_t> mirroredPorts;
  /// The pod's own addresses at present. Called on any thread.
  std::function<std::vector<IpAddress>()> ownAddresses;
};

/// The addresses of one push mirror's target. A name is resolved when the target is made and again,
/// on the executor, at most every five seconds, when connections begin or fail; an address never.
/// Owned by its sink; made on a thread that may block, then used on the data thread alone, where
/// nothing blocks.
class Target {
 public:
  /// Resolves and checks. Throws Problem: 400 (key "to") for what cannot be parsed or resolved or
  /// would mirror itself, 403 for a destination that no administrator has allowed. REQUIRES:
  /// executor outlives the target.
  Target(std::string_view to, TargetPolicy policy, std::shared_ptr<Resolver> resolver,
         Executor& executor, const Clock& clock);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// Where the next connection goes. Nothing if the name has come to stand for an address that is
  /// not allowed; refusal() then says which, until the next call.
  std::optional<Endpoint> next(TimePoint now);
  const std::string& refusal() const { return refusal_; }
  /// A connection to `endpoint` could not be made: the next one goes to the next address.
  void failed(const Endpoint& endpoint);
  /// "10.0.0.7:3000", or "web:3000 (10.0.0.7)" for a name.
  std::string describe(const Endpoint& endpoint) const;

 private:
  struct Addresses;
  struct Shared;

  void resolveAgain(TimePoint now);

  const std::shared_ptr<Shared> shared_;  // With the executor's tasks, which may outlive this.
  Executor& executor_;
  std::string refusal_;
  std::size_t turn_ = 0;  // Which of the addresses is used.
  TimePoint resolved_;    // When the last resolution was asked for.
};

}  // namespace dormouse::sink
