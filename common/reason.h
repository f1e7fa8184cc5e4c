// Why something that was seen was not delivered. One closed list for packets, connections and
// requests, shared by the ledger, the metrics, the stream's close records and the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dormouse {

enum class Reason : std::uint8_t {
  kNone,                // Not skipped: delivered, or about to be.
  kKernelDrop,          // Packets: the ring was full, the kernel says so.
  kDuplicate,           // Packets: a retransmission that brought no new byte.
  kFragment,            // Packets: the first fragment of a fragmented datagram.
  kTruncated,           // Packets: cut by the snapshot length, or shorter than its own headers say.
  kGap,                 // A hole in the sequence numbers was never filled.
  kJoinedLate,          // The connection was open before the mirror was.
  kEmpty,               // The connection ended without a byte of payload.
  kTls,                 // The connection is encrypted: nobody could read it.
  kFiltered,            // The mirror's filter does not select it.
  kSampledOut,          // The sample does not contain it.
  kRateCapped,          // Above the mirror's rate.
  kOverBudget,          // The mirror's buffers were full: shed whole.
  kSinkRefused,         // Nobody took the connection at the other end.
  kSinkClosed,          // The other end closed before everything was written.
  kRedactionNeedsHttp,  // Redaction is in force and this is not HTTP.
  kUnredactable,        // Redaction is in force and cannot look into this request's body.
  kMalformed,           // Not what its protocol allows.
  kEvicted,             // The connection table was full.
  kIdle,                // Silent for too long.
  kMirrorEnded,         // Still open when the mirror ended.
  kUnanswered,          // Responses: the server ended the connection without one.
};

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::kUnanswered) + 1;

/// The reason's name in JSON, metrics and documentation, such as "kernel-drop". Static storage.
std::string_view reasonName(Reason reason);

/// The reason of that name, or nothing.
std::optional<Reason> parseReason(std::string_view name);

}  // namespace dormouse
