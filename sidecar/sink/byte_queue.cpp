#include "sink/byte_queue.h"

#include <algorithm>

namespace dormouse::sink {

std::vector<std::uint8_t>* ByteQueue::room(std::size_t bytes) {
  if (!chunks_.empty()) {
    Chunk& back = chunks_.back();
    if (back.charge - back.bytes.size() >= bytes) return &back.bytes;
  }
  // An empty chunk that is too small makes way for a larger one.
  const std::size_t freed = !chunks_.empty() && empty() ? chunks_.back().charge : 0;
  const std::size_t left = budget_.limit() - budget_.used() + freed;
  if (bytes > left) return nullptr;
  if (freed != 0) clear();
  const std::size_t charge =
      std::max(bytes, std::min(left, std::clamp(size(), minChunk_, maxChunk_)));
  budget_.take(charge);
  backOffset_ = appended();
  chunks_.push_back(Chunk{{}, charge});
  chunks_.back().bytes.reserve(charge);
  return &chunks_.back().bytes;
}

std::span<const std::uint8_t> ByteQueue::front() const {
  if (chunks_.empty()) return {};
  return std::span<const std::uint8_t>(chunks_.front().bytes).subspan(head_);
}

void ByteQueue::consume(std::size_t bytes) {
  head_ += bytes;
  consumed_ += bytes;
  Chunk& front = chunks_.front();
  if (head_ != front.bytes.size()) return;
  head_ = 0;
  if (chunks_.size() > 1) {
    budget_.give(front.charge);
    chunks_.erase(chunks_.begin());
    return;
  }
  backOffset_ = consumed_;
  front.bytes.clear();
}

void ByteQueue::clear() {
  const std::uint64_t end = appended();
  for (const Chunk& chunk : chunks_) budget_.give(chunk.charge);
  chunks_.clear();
  chunks_.shrink_to_fit();
  head_ = 0;
  backOffset_ = end;
  consumed_ = end;
}

}  // namespace dormouse::sink
