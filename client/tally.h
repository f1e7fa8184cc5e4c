// What became of everything that one or more mirrors saw, counted at both ends.
#pragma once

#include <cstdint>
#include <string>

#include "client/outcome.h"
#include "client/replayer.h"
#include "common/clock.h"

namespace dormouse::client {

struct Tally {
  wire::Ledger ledger;         // The sum of the sidecars' accounts.
  LocalAccount local;          // The sum of ours.
  unsigned mirrors = 0;        // Woken.
  unsigned unaccounted = 0;    // Of them: the sidecar's ledger is lost.
  unsigned interruptions = 0;  // Times that a pod was not mirrored for a while.
  Nanos away{0};               // All these together.

  void add(const Tally& more);
  /// Nothing was lost, as far as anybody knows.
  bool complete() const;
  /// One plain sentence: "412 of 412 connections delivered", or why not. `from`: empty, or "3
  /// pods".
  std::string verdict(const std::string& from) const;
};

void add(wire::Account& to, const wire::Account& more);
void add(wire::Ledger& to, const wire::Ledger& more);

/// "3.2 s", "4 min 10 s".
std::string formatSpan(Nanos span);

}  // namespace dormouse::client
