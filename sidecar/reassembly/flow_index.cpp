#include "reassembly/flow_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace dormouse::reassembly {
namespace {

__extension__ using Wide = unsigned __int128;

/// One term of NH: two words of the message under two of the key.
Wide term(std::uint64_t a, std::uint64_t b, const std::uint64_t* key) {
  return Wide{a + key[0]} * (b + key[1]);
}

std::uint64_t wordAt(const IpAddress& address, std::size_t offset) {
  std::uint64_t word = 0;
  std::memcpy(&word, address.bytes().data() + offset, sizeof word);
  return word;
}

}  // namespace

FlowIndex::FlowIndex(std::size_t capacity)
    : bucketCount_(std::bit_ceil(std::max<std::size_t>(capacity, 1))), seed_{} {
  std::random_device random;
  for (std::uint64_t& word : seed_) word = std::uint64_t{random()} << 32 | random();
}

FlowRecord* FlowIndex::find(const FlowKey& key) const {
  if (buckets_.empty()) return nullptr;
  const std::uint32_t wanted = hash(key);
  FlowRecord* flow = buckets_[bucket(wanted)];
  while (flow != nullptr && (flow->hash != wanted || !(flow->key == key))) flow = flow->chain;
  return flow;
}

void FlowIndex::insert(FlowRecord& flow) {
  if (buckets_.empty()) buckets_.assign(bucketCount_, nullptr);
  flow.hash = hash(flow.key);
  FlowRecord*& head = buckets_[bucket(flow.hash)];
  flow.chain = head;
  head = &flow;
}

void FlowIndex::remove(FlowRecord& flow) {
  FlowRecord** link = &buckets_[bucket(flow.hash)];
  while (*link != &flow) link = &(*link)->chain;
  *link = flow.chain;
  flow.chain = nullptr;
}

void FlowIndex::clear() {
  buckets_.clear();
  buckets_.shrink_to_fit();
}

std::uint32_t FlowIndex::hash(const FlowKey& key) const {
  const Wide sum =
      term(wordAt(key.client.address, 0), wordAt(key.client.address, 8), &seed_[0]) +
      term(wordAt(key.server.address, 0), wordAt(key.server.address, 8), &seed_[2]) +
      term(std::uint64_t{key.client.port} << 48 | std::uint64_t{key.server.port} << 32 |
               key.interface,
           std::uint64_t{key.mirror} << 8 | static_cast<std::uint64_t>(key.transport), &seed_[4]);
  const Wide mixed =
      term(static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(sum >> 64), &seed_[6]);
  const auto folded = static_cast<std::uint64_t>(mixed ^ mixed >> 64);
  return static_cast<std::uint32_t>(folded ^ folded >> 32);
}

}  // namespace dormouse::reassembly
