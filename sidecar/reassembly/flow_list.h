// A doubly linked list through the flow records themselves: no allocation, removal in O(1).
#pragma once

#include "reassembly/flow_record.h"

namespace dormouse::reassembly {

/// Owns nothing. A record is in at most one list for each of its links.
template <FlowLink FlowRecord::* kLink>
class FlowList {
 public:
  FlowRecord* front() const { return front_; }
  bool empty() const { return front_ == nullptr; }

  /// REQUIRES: `flow` is in no list of this link.
  void pushBack(FlowRecord& flow) {
    (flow.*kLink) = {back_, nullptr};
    (back_ != nullptr ? (back_->*kLink).next : front_) = &flow;
    back_ = &flow;
  }

  /// REQUIRES: `flow` is in this list.
  void remove(FlowRecord& flow) {
    const FlowLink link = flow.*kLink;
    (link.previous != nullptr ? (link.previous->*kLink).next : front_) = link.next;
    (link.next != nullptr ? (link.next->*kLink).previous : back_) = link.previous;
    (flow.*kLink) = {};
  }

  /// REQUIRES: `flow` is in this list.
  void moveToBack(FlowRecord& flow) {
    if (back_ == &flow) return;
    remove(flow);
    pushBack(flow);
  }

 private:
  FlowRecord* front_ = nullptr;
  FlowRecord* back_ = nullptr;
};

}  // namespace dormouse::reassembly
