// The account of a mirror: what it saw and what became of it. Sent as JSON by the control API and
// as the last record of a stream.
#pragma once

#include <Poco/JSON/Object.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/reason.h"

namespace dormouse::wire {

/// One kind of thing counted. Invariant: seen == delivered + open + sum of skipped.
struct Account {
  std::uint64_t seen = 0;
  std::uint64_t open = 0;  // Seen, fate not yet known. 0 in the final ledger.
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, kReasonCount> skipped{};  // By Reason; [kNone] stays 0.

  std::uint64_t skippedFor(Reason reason) const {
    return skipped[static_cast<std::size_t>(reason)];
  }
  std::uint64_t skippedTotal() const;
  bool balances() const { return seen == delivered + open + skippedTotal(); }

  /// `count` things are seen and skipped at once.
  void skip(Reason reason, std::uint64_t count = 1);
  /// `count` open things got their fate: delivered for kNone, else skipped. REQUIRES: count <=
  /// open.
  void settle(Reason fate, std::uint64_t count = 1);
};

struct Ledger {
  Account packets;
  Account connections;
  Account requests;
  std::optional<Account> responses;  // Only of a mirror that was asked for them. seen: requests.
  std::uint64_t bytes = 0;           // Payload handed to the sink, without that of responses.

  bool balances() const {
    return packets.balances() && connections.balances() && requests.balances() &&
           (!responses || responses->balances());
  }
};

/// {"packets":{"seen":…,"open":…,"delivered":…,"skipped":{reason:count of those not
/// 0}},…,"bytes":…}; "responses" only if the ledger has them.
Poco::JSON::Object::Ptr toJson(const Ledger& ledger);

/// The inverse. Throws std::invalid_argument naming the member that is missing or of a wrong type.
Ledger ledgerFromJson(const Poco::JSON::Object& object);

}  // namespace dormouse::wire
