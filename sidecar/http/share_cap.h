// At most such a share of the requests.
#pragma once

#include <algorithm>

namespace dormouse::http {

/// Places that samples may take before they have earned them, so that an honest one keeps its
/// sessions whole from the beginning. There is one of these in an agent: what all its mirrors take
/// beyond their share is together never more, however many there are, at once or one after the
/// other. Owned by the wiring; data thread only.
class HeadStart {
 public:
  static constexpr int kPlaces = 100;

  /// False if there is none left.
  bool borrow() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }
  /// REQUIRES: borrow() was true as often.
  void giveBack() { ++left_; }

 private:
  int left_ = kPlaces;
};

/// An administrator's ceiling over a sample by a key. Such a sample takes a share of the keys, and
/// a key that most requests have in common could make almost all of them the sample. Each request
/// that is judged earns its share of a place; up to kMaxSaved places may be saved. What is borrowed
/// of the head start is given back out of what this very mirror earns: were it to profit from what
/// others do not take, a second mirror of the same requests would double its share. Owned by a
/// mirror, one thread.
class ShareCap {
 public:
  static constexpr double kMaxSaved = 100;

  /// REQUIRES: 0 < percent <= 100; headStart outlives the cap.
  ShareCap(double percent, HeadStart& headStart) : share_(percent / 100), headStart_(headStart) {}

  /// Judges one request: `wanted`, it would be taken. True if it may be.
  bool take(bool wanted) {
    saved_ = std::min(saved_ + share_, kMaxSaved);
    if (borrowed_ > 0 && saved_ >= 1) {
      saved_ -= 1;
      --borrowed_;
      headStart_.giveBack();
    }
    if (!wanted) return false;
    if (saved_ >= 1) {
      saved_ -= 1;
      return true;
    }
    if (!headStart_.borrow()) return false;
    ++borrowed_;
    return true;
  }

 private:
  const double share_;
  HeadStart& headStart_;
  double saved_ = 0;
  int borrowed_ = 0;  // What is left of it at the mirror's end is lost until the agent's.
};

}  // namespace dormouse::http
