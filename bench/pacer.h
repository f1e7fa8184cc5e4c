// The load generator's three ways to work.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "bench/sockets.h"

namespace dormouse::bench {

struct LoadOptions {
  sockaddr_in target{};
  int connections = 16;
  double rate = 1000;  // Requests a second over all connections; 0: as fast as answers come.
  std::chrono::seconds duration{10};
};

struct LoadResult {
  std::uint64_t requests = 0;         // Answered.
  std::uint64_t errors = 0;           // Connections lost, answers that are no 200, no answer.
  std::vector<std::uint32_t> micros;  // Of each answered request, in no order.
  std::uint64_t sent = 0;
};

/// Opens the connections and sends small GET requests, one at a time on each. At a rate, requests
/// are due at fixed points of time, and latency counts from when each was due: a server that stalls
/// is charged for the requests it kept waiting. Blocks for the duration, and up to 2 s more for the
/// last answers.
LoadResult runLoad(const LoadOptions& options);

/// Sends one stream of bytes at `gbit` (10^9 bits a second) for the duration. Returns the bytes
/// sent. If the peer is slower, fewer bytes than offered go out; nothing is made up for.
std::uint64_t runBulk(const sockaddr_in& target, double gbit, std::chrono::seconds duration);

}  // namespace dormouse::bench
