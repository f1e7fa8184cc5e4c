// What the sidecar says about a mirror, and what it means for the exit code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/ledger.h"

namespace dormouse::client {

enum class ExitCode : std::uint8_t {
  kDelivered = 0,
  kIncomplete = 1,
  kUsage = 2,
  kRefused = 3,  // Unreachable, or refused by the sidecar.
  kBrokenOff = 4,
  kDifferent = 5,  // Responses were compared, and differ.
};

/// A mirror as GET /v1/mirrors/{id}, its DELETE, and the ledger record of a stream show it.
struct Report {
  std::string id;
  bool ended = false;
  std::string verdict;       // Printable.
  std::string endedBecause;  // Printable; empty if the sidecar does not say.
  wire::Ledger ledger;
  std::string json;  // The text it was read from.
};

/// Throws std::invalid_argument naming what is missing. Members it does not know are ignored.
Report parseReport(std::string_view json);

/// True if nothing was lost. Not lost: connections and requests that had no payload or that the
/// mirror was told to leave out (empty, filtered, sampled-out, rate-capped), and packets that
/// brought nothing new (duplicate) or were left out.
bool complete(const wire::Ledger& ledger);
bool complete(const wire::Account& account);

/// `text` from the other side, fit for a terminal: each byte of a control character, of those from
/// U+0080 to U+009F too, becomes '?', at most `most` bytes.
std::string printable(std::string_view text, std::size_t most = 1000);

}  // namespace dormouse::client
