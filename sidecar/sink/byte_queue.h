// Bytes on their way out, in chunks that never move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mirror/budget.h"

namespace dormouse::sink {

/// A queue of bytes whose memory, chunk by chunk, is charged to a budget: what the budget says is
/// what is allocated. Bytes do not move once they are in (TLS must be given the same address again
/// after a would-block). Chunks grow with what is queued, so that a short queue stays small and a
/// long one is written in few calls; the last chunk is kept when the queue runs empty. One thread.
class ByteQueue {
 public:
  /// Chunks have `minChunk` to `maxChunk` bytes, more only if one append needs more, less only if
  /// the budget leaves less. REQUIRES: 0 < minChunk <= maxChunk; budget outlives the queue.
  ByteQueue(mirror::Budget& budget, std::size_t minChunk, std::size_t maxChunk)
      : budget_(budget), minChunk_(minChunk), maxChunk_(maxChunk) {}
  ~ByteQueue() { clear(); }
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;

  /// Where to append up to `bytes` bytes, at the end, before the next call of any other function;
  /// nullptr, and nothing is changed, if the budget does not allow them.
  std::vector<std::uint8_t>* room(std::size_t bytes);
  /// Whether room() would find some for that many.
  bool fits(std::size_t bytes) const { return bytes <= slack() || bytes <= left(); }
  /// The oldest bytes, as many as lie together; empty if there are none. Valid until consume().
  std::span<const std::uint8_t> front() const;
  /// Drops the oldest bytes. REQUIRES: bytes <= front().size().
  void consume(std::size_t bytes);
  /// Drops everything and gives all memory back.
  void clear();
  /// Gives the memory of an empty queue back. REQUIRES: empty().
  void trim() { clear(); }

  /// How many bytes were ever appended, and how many of them have been consumed or dropped.
  std::uint64_t appended() const {
    return backOffset_ + (chunks_.empty() ? 0 : chunks_.back().bytes.size());
  }
  std::uint64_t consumed() const { return consumed_; }
  std::size_t size() const { return static_cast<std::size_t>(appended() - consumed_); }
  bool empty() const { return appended() == consumed_; }

 private:
  struct Chunk {
    std::vector<std::uint8_t> bytes;
    std::size_t charge;  // Taken from the budget; the vector's capacity.
  };
  /// What is free in the last chunk.
  std::size_t slack() const {
    return chunks_.empty() ? 0 : chunks_.back().charge - chunks_.back().bytes.size();
  }
  /// How large a new chunk may be.
  std::size_t left() const { return budget_.limit() - budget_.used() + replaceable(); }
  /// What an empty chunk would give back.
  std::size_t replaceable() const {
    return !chunks_.empty() && empty() ? chunks_.back().charge : 0;
  }

  mirror::Budget& budget_;
  const std::size_t minChunk_;
  const std::size_t maxChunk_;
  std::vector<Chunk> chunks_;     // Oldest first. Only the last one may be empty.
  std::size_t head_ = 0;          // Consumed bytes of the first chunk.
  std::uint64_t backOffset_ = 0;  // Bytes ever appended before the last chunk's first one.
  std::uint64_t consumed_ = 0;
};

}  // namespace dormouse::sink
