// One HTTP/2 request on its way to a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/reason.h"

namespace dormouse::replay {

class Http2Leg;

/// Names (in lower case) and values, in order; pseudo-headers first.
using Http2Fields = std::vector<std::pair<std::string, std::string>>;

inline std::size_t sizeOf(const Http2Fields& fields) {
  std::size_t size = 0;
  for (const auto& [name, value] : fields) size += name.size() + value.size() + 2 * sizeof(name);
  return size;
}

/// Owned by an Http2Channel. A plain record: the channel and its sessions keep it together.
struct Http2Request {
  std::uint32_t number = 0;
  Http2Fields head;
  std::string body;  // What has come and is not sent from `bodySent` on.
  std::size_t bodySent = 0;
  Http2Fields trailers;
  bool whole = false;       // Nothing more comes.
  std::size_t charge = 0;   // What it takes of the channel's memory.
  Http2Leg* leg = nullptr;  // Where it was submitted; null: it waits.
  std::int32_t stream = 0;  // There.
  bool headSent = false;
  bool sent = false;            // Its last byte is among the leg's output.
  Reason lost = Reason::kNone;  // Why it will not be delivered.

  std::size_t bodyLeft() const { return body.size() - bodySent; }
};

}  // namespace dormouse::replay
