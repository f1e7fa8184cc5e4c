// Memory that is kept for the rest of requests that have begun.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "http/request_head.h"
#include "mirror/budget.h"
#include "mirror/sink.h"

namespace dormouse::sink {

/// What makes judgeRequest()'s word good in a sink that hands requests on as they come: of each
/// that announces its length the part that has not come is taken out of the budget, and given back
/// right before it is appended. So a request that was judged to fit is never cut by what came
/// beside it.
///
/// Half of the budget is kept at most, all requests together, or clients that announce much and
/// send nothing would leave no room for anybody. Nothing is kept for a request beyond that, and for
/// one that does not announce its length: it begins if there is room at present, and is cut with
/// its connection if it turns out not to fit. One of a connection's requests at a time. Owned by a
/// sink, one thread.
class RequestReserve {
 public:
  /// REQUIRES: budget outlives the reserve.
  explicit RequestReserve(mirror::Budget& budget) : budget_(budget), limit_(budget.limit() / 2) {}

  /// Whether there is room for the whole request at present.
  bool fits(const http::RequestHead& head) const {
    return needOf(head) <= budget_.limit() - budget_.used();
  }
  /// It begins: what it needs is kept, if it can be.
  void begin(mirror::ConnectionHandle handle, const http::RequestHead& head) {
    end(handle);
    if (handle >= byHandle_.size()) byHandle_.resize(handle + std::size_t{1});
    const std::size_t need = needOf(head);
    if (kept_ + need > limit_ || !budget_.take(need)) return;
    byHandle_[handle] = need;
    kept_ += need;
  }
  /// So many of its bytes are about to be appended.
  void use(mirror::ConnectionHandle handle, std::size_t bytes) {
    if (handle < byHandle_.size() && byHandle_[handle] != 0) {
      giveBack(handle, std::min(bytes, byHandle_[handle]));
    }
  }
  /// It has ended, or its connection has.
  void end(mirror::ConnectionHandle handle) {
    if (handle < byHandle_.size()) giveBack(handle, byHandle_[handle]);
  }

 private:
  /// Beside the bytes themselves, a part for the headers of records, as of segments of 400 bytes.
  std::size_t needOf(const http::RequestHead& head) const {
    if (head.length.value_or(0) == 0) return 0;
    const std::size_t whole = http::sizeUpTo(head, limit_);
    const std::size_t need = whole + whole / 32 + 256;
    return need <= limit_ ? need : 0;
  }
  void giveBack(mirror::ConnectionHandle handle, std::size_t bytes) {
    byHandle_[handle] -= bytes;
    kept_ -= bytes;
    budget_.give(bytes);
  }

  mirror::Budget& budget_;
  const std::size_t limit_;
  std::size_t kept_ = 0;
  std::vector<std::size_t> byHandle_;
};

}  // namespace dormouse::sink
