#include "http/entry_search.h"

namespace dormouse::http {

bool EntrySearch::feed(std::span<const std::uint8_t> bytes, const Segment& segment,
                       RequestListener& listener) {
  if (parser_ == nullptr) {
    if (!mayBegin(segment)) return false;
    parser_ = std::make_unique<Http1Parser>();
  }
  listener_ = &listener;
  parser_->feed(bytes, *this);
  listener_ = nullptr;
  if (entered_) return true;
  const bool mayBecome = parser_->state() == Http1Parser::State::kDeciding ||
                         parser_->state() == Http1Parser::State::kHttp;
  if (!mayBecome) parser_.reset();
  return false;
}

void EntrySearch::onHead(const RequestHead& head) {
  entered_ = true;
  listener_->onHead(head);
}

void EntrySearch::onBody(std::span<const std::uint8_t> raw, std::span<const std::uint8_t> content) {
  if (entered_) listener_->onBody(raw, content);
}

void EntrySearch::onRequestEnd() {
  if (entered_) listener_->onRequestEnd();
}

void EntrySearch::onOther(std::span<const std::uint8_t> bytes) {
  if (entered_) listener_->onOther(bytes);
}

}  // namespace dormouse::http
