// Byte streams as a careless network delivers them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/packets.h"

namespace dormouse::reassembly {

using Random = std::mt19937;

inline std::uint32_t below(Random& random, std::size_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

inline std::string randomBytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

/// The stream's segments, SYN and FIN included, as a careless network delivers them: split
/// anywhere, some twice, some overlapping, and swapped with others up to `reach` places away. The
/// SYN stays first, without it the connection would have been joined late; `fastOpen`: it may carry
/// data.
inline std::vector<testing::Segment> mangled(Random& random, const testing::TcpClient& client,
                                             const std::string& stream, std::uint32_t reach,
                                             bool fastOpen) {
  std::vector<testing::Segment> segments;
  for (std::uint32_t at = 0; at < stream.size();) {
    const std::uint32_t size = 1 + below(random, 40);
    segments.push_back(client.data(at, stream.substr(at, size)));
    at += size;
    while (random() % 4 == 0) {  // A retransmission with other borders.
      const std::uint32_t from = below(random, std::min<std::size_t>(at, stream.size()));
      segments.push_back(client.data(from, stream.substr(from, 1 + below(random, 60))));
    }
  }
  const auto end = static_cast<std::uint32_t>(stream.size());
  segments.push_back(client.fin(end));
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::size_t other = std::min(i + below(random, reach + 1), segments.size() - 1);
    std::swap(segments[i], segments[other]);
  }
  const bool dataInSyn = fastOpen && random() % 2 == 0;
  segments.insert(segments.begin(), client.syn(dataInSyn ? stream.substr(0, 5) : ""));
  if (random() % 2 == 0) segments.insert(segments.begin() + 1, client.syn());
  return segments;
}

}  // namespace dormouse::reassembly
