#include "reassembly/flow_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace dormouse::reassembly {
namespace {

/// The four words of SipHash's state.
struct SipState {
  std::uint64_t v0, v1, v2, v3;

  SipState(std::uint64_t k0, std::uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575U),
        v1(k1 ^ 0x646f72616e646f6dU),
        v2(k0 ^ 0x6c7967656e657261U),
        v3(k1 ^ 0x7465646279746573U) {}

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32) + v3;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }

  std::uint64_t finish() {
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

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
  SipState state(seed_[0], seed_[1]);
  state.absorb(wordAt(key.client.address, 0));
  state.absorb(wordAt(key.client.address, 8));
  state.absorb(wordAt(key.server.address, 0));
  state.absorb(wordAt(key.server.address, 8));
  state.absorb(std::uint64_t{key.client.port} << 48 | std::uint64_t{key.server.port} << 32 |
               key.interface);
  // The last word carries the message's length, 42 bytes, in its top byte.
  state.absorb(std::uint64_t{42} << 56 | std::uint64_t{key.mirror} << 8 |
               static_cast<std::uint64_t>(key.transport));
  return static_cast<std::uint32_t>(state.finish());
}

}  // namespace dormouse::reassembly
