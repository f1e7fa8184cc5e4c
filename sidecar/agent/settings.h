// What an admin fixes at the start of the agent. Plain data; options.cpp fills it from flags,
// environment and file.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/ip.h"
#include "reassembly/flow_table.h"

namespace dormouse::agent {

struct CaptureSettings {
  std::string device = "any";
  std::size_t ringBytes = 8 << 20;        // Per mirror; outside the cgroup's account.
  std::size_t ringBytesTotal = 64 << 20;  // Of all mirrors, for that reason.
  std::chrono::milliseconds batch{5};     // How long the kernel may collect packets.
  std::uint32_t snaplen = 262144;         // GRO, TSO and BIG TCP make frames far above the MTU.
};

struct MirrorSettings {
  std::size_t maxMirrors = 8;
  std::chrono::seconds defaultTtl = std::chrono::minutes(30);
  std::chrono::seconds maxTtl = std::chrono::hours(8);
  std::size_t budgetBytes = 4 << 20;            // Of one mirror's queues.
  std::chrono::milliseconds writeInterval{15};  // Of a stream, under steady traffic.
  std::size_t maxPushConnections = 1024;        // Of one mirror.
  std::chrono::seconds linger{60};              // For a receiver that has not closed its side.
  std::chrono::seconds keepEnded = std::chrono::minutes(10);  // Ended mirrors stay readable.
  std::size_t maxEnded = 32;
  std::vector<std::uint16_t> allowedPorts;  // Empty: all.
  std::vector<Network> allowedTargets;      // Empty: push is off.
  std::vector<std::uint16_t> ownPorts;      // Control and metrics: never mirrored.
  double maxPercent = 100;                  // Of its connections or requests, for any mirror.
  std::vector<std::string> redactHeaders;   // In lower case; in every mirror.
  std::size_t redactBytes = 64 << 10;       // The largest body in which JSON members are redacted.
};

/// What the agent may use in all. The limit is the container's, read from the cgroup.
struct MemorySettings {
  std::size_t limitBytes = 256 << 20;
  /// The process itself: code that is touched, threads, TLS, the connections' records.
  static constexpr std::size_t kBaseBytes = 12 << 20;
};

struct Settings {
  /// Without a mirror for so long, the agent ends; 0: never.
  std::chrono::seconds exitWhenIdle{0};
  CaptureSettings capture;
  MirrorSettings mirror;
  MemorySettings memory;
  reassembly::Limits reassembly;
};

}  // namespace dormouse::agent
