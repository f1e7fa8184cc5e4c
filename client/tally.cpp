#include "client/tally.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace dormouse::client {
namespace {

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// Seen, but nothing that the developer misses: no payload, or left out as was asked for.
std::uint64_t leftOut(const wire::Account& account) {
  std::uint64_t count = 0;
  for (const Reason reason :
       {Reason::kEmpty, Reason::kFiltered, Reason::kSampledOut, Reason::kRateCapped}) {
    count += account.skippedFor(reason);
  }
  return count;
}

}  // namespace

void add(wire::Account& to, const wire::Account& more) {
  to.seen += more.seen;
  to.open += more.open;
  to.delivered += more.delivered;
  for (std::size_t i = 0; i < kReasonCount; ++i) to.skipped[i] += more.skipped[i];
}

void add(wire::Ledger& to, const wire::Ledger& more) {
  add(to.packets, more.packets);
  add(to.connections, more.connections);
  add(to.requests, more.requests);
  if (more.responses) add(to.responses ? *to.responses : to.responses.emplace(), *more.responses);
  to.bytes += more.bytes;
}

void Tally::add(const Tally& more) {
  client::add(ledger, more.ledger);
  local.add(more.local);
  mirrors += more.mirrors;
  unaccounted += more.unaccounted;
  interruptions += more.interruptions;
  away += more.away;
}

bool Tally::complete() const {
  return unaccounted == 0 && interruptions == 0 && client::complete(ledger) && local.complete();
}

std::string Tally::verdict(const std::string& from) const {
  const wire::Account& far = ledger.connections;
  // Of a mirror whose ledger is lost we know what it brought.
  const std::uint64_t wanted =
      std::max(far.seen - std::min(far.seen, leftOut(far)), local.connections.seen);
  std::string text = wanted == 0 ? "no connections"
                                 : std::to_string(local.connections.delivered) + " of " +
                                       counted(wanted, "connection") + " delivered";
  if (!from.empty()) text += " from " + from;
  if (!client::complete(local.requests)) {
    text += "; " + std::to_string(local.requests.delivered) + " of " +
            counted(local.requests.seen, "HTTP/2 request") + " taken by the local program";
  }
  if (interruptions != 0) {
    text +=
        "; not mirrored for " + formatSpan(away) + " in " + counted(interruptions, "interruption");
  }
  if (unaccounted != 0) {
    text +=
        "; the ledger of " + counted(unaccounted, "mirror") + " is lost, which may have seen more";
  }
  return text;
}

std::string formatSpan(Nanos span) {
  const double seconds = std::chrono::duration<double>(span).count();
  std::array<char, 40> text{};
  if (seconds < 60) {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  } else {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(span).count();
    std::snprintf(text.data(), text.size(), "%lld min %lld s", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  }
  return text.data();
}

}  // namespace dormouse::client
