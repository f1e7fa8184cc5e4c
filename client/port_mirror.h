// The mirror of one port on which the developer's program listens.
#pragma once

#include <memory>
#include <string>

#include "client/arguments.h"
#include "client/fleet.h"
#include "client/follow/ports.h"
#include "client/local_ports.h"

namespace dormouse::client {

/// What a port's mirrors have brought, one after the other.
struct PortAccount {
  Tally tally;
  unsigned runs = 0;    // Mirrors of the port that were woken, for a pod or for several.
  std::string verdict;  // Of the last one.

  void add(const PortAccount& more);
};

/// From the moment that a port is open until its mirror has brought its ledger. To be tended after
/// each round of the loop. Main thread only.
class PortMirror {
 public:
  /// `change`: of kind kOpened. `arguments`: with Command::kExec. `chosen`, `token`, `kubectl`: as
  /// for Fleet; `kubectl` is null with a URL. The references must outlive this. What keeps the
  /// mirror from beginning is told as a notice, and then it is over().
  PortMirror(const follow::PortChange& change, const Arguments& arguments, const ChosenPods& chosen,
             const std::string& token, const Kubectl* kubectl, EventLoop& loop, const Clock& clock,
             Display& display);

  bool readOn() { return fleet_ && fleet_->readOn(); }
  void tend();
  /// The port is closed, or the program has ended. Called again: nothing more.
  void stop();
  TimePoint nextAt() const { return fleet_ ? fleet_->nextAt() : TimePoint::max(); }
  bool over() const { return !fleet_ || fleet_->over(); }

  /// "port 8080 to 127.0.0.1:3000"
  const std::string& name() const { return context_.what; }
  /// What was brought. Sessions that could not begin are no part of it.
  PortAccount account() const;

 private:
  void begin(const ChosenPods& chosen, const std::string& token, const Kubectl* kubectl);

  Arguments arguments_;
  Display& display_;
  LocalPorts ports_;
  const SessionContext context_;
  std::unique_ptr<Fleet> fleet_;  // Null if it could not begin.
  bool stopping_ = false;
  bool announced_ = false;
};

}  // namespace dormouse::client
