// At most such a share of the requests.
#pragma once

#include <algorithm>

namespace dormouse::http {

/// An administrator's ceiling over a sample by a key. Such a sample takes a share of the keys, and
/// a key that most requests have in common could make almost all of them the sample. Each request
/// that is judged earns its share of a place; up to kHeadStart places may be saved, and these are
/// there at the beginning, so that an honest sample keeps its sessions whole. Owned by a mirror,
/// one thread.
class ShareCap {
 public:
  static constexpr double kHeadStart = 100;

  /// REQUIRES: 0 < percent <= 100.
  explicit ShareCap(double percent) : share_(percent / 100) {}

  /// Judges one request: `wanted`, it would be taken. True if it may be.
  bool take(bool wanted) {
    places_ = std::min(places_ + share_, kHeadStart);
    if (!wanted || places_ < 1) return false;
    places_ -= 1;
    return true;
  }

 private:
  const double share_;
  double places_ = kHeadStart;
};

}  // namespace dormouse::http
