// What a run of --compare has found so far.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "client/response_compare.h"
#include "common/reason.h"

namespace dormouse::client {

struct CompareCounts {
  using ByReason = std::array<std::uint64_t, kReasonCount>;

  std::uint64_t equal = 0;
  std::uint64_t different = 0;
  // Not compared, since one side has no response, or it is not known.
  ByReason podMissing{};
  ByReason localMissing{};

  std::uint64_t compared() const { return equal + different; }
  std::uint64_t notCompared() const;
  /// True if every response was compared but those that the mirror's end cut off.
  bool complete() const;
  /// One plain sentence: "412 responses compared: 410 equal, 2 different; 1 not compared: …".
  std::string verdict() const;

  bool operator==(const CompareCounts&) const = default;
};

/// A request to which the two responses differ.
struct DifferentRequest {
  std::string pod;  // "pod/web-0"; empty where there is only one.
  std::string method;
  std::string target;  // With the query. Like the method printable and bounded.
  int podStatus = 0;
  int localStatus = 0;
  Differences differences;
};

/// Shared by all streams of a run. One thread only.
class Comparison {
 public:
  using Found = std::function<void(const DifferentRequest&)>;

  /// `found` is called at once for each request whose responses differ.
  Comparison(CompareRules rules, Found found)
      : rules_(std::move(rules)), found_(std::move(found)) {}

  void compare(const std::string& pod, const std::string& method, const std::string& target,
               const Answer& podAnswer, const Answer& localAnswer);
  /// A request to which one side's response is missing: one of the reasons is kNone.
  void missing(Reason ofPod, Reason ofLocal);

  const CompareCounts& counts() const { return counts_; }

 private:
  const CompareRules rules_;
  const Found found_;
  CompareCounts counts_;
};

}  // namespace dormouse::client
