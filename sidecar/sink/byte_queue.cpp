#include "sink/byte_queue.h"

#include <algorithm>

namespace dormouse::sink {

std::vector<std::uint8_t>* ByteQueue::room(std::size_t bytes) {
  if (!chunks_.empty() && bytes <= slack()) return &chunks_.back().bytes;
  const std::size_t most = left();
  if (bytes > most) return nullptr;
  if (replaceable() != 0) clear();  // Too small, it makes way for a larger one.
  const std::size_t charge =
      std::max(bytes, std::min(most, std::clamp(size(), minChunk_, maxChunk_)));
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
