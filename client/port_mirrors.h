// The mirrors of all ports that the developer's program has open, and what they brought.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/port_mirror.h"

namespace dormouse::client {

/// Owns one PortMirror per open port, and those of closed ports until they have brought their
/// ledgers. To be tended after each round of the loop. Main thread only.
class PortMirrors {
 public:
  /// `display` must outlive this.
  explicit PortMirrors(Display& display) : display_(display) {}

  /// REQUIRES: that port has no mirror.
  void open(const follow::LocalPort& port, std::unique_ptr<PortMirror> mirror);
  void close(const follow::LocalPort& port);
  void closeAll();

  /// True if more may be there at once: then the loop must not wait.
  bool readOn();
  void tend();
  /// When tend() has something to do though nothing happens.
  TimePoint nextAt() const;
  /// No port is open, and every ledger has come.
  bool over() const { return open_.empty() && closing_.empty(); }

  /// REQUIRES: over(). Shows what became of everything that was seen.
  void conclude();

 private:
  std::vector<PortMirror*> all() const;

  Display& display_;
  std::map<follow::LocalPort, std::unique_ptr<PortMirror>> open_;
  std::vector<std::unique_ptr<PortMirror>> closing_;
  std::map<std::string, PortAccount> accounts_;  // By the mirrors' name.
  bool allClosed_ = false;
};

}  // namespace dormouse::client
