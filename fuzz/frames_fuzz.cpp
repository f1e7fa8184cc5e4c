// The frames decoder: the same events, or the same refusal, however the bytes are cut; and what was
// decoded, encoded again, decodes to the same events.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire/frames.h"

namespace {

using namespace dormouse;        // NOLINT(google-build-using-namespace): a program of its own.
using namespace dormouse::wire;  // NOLINT(google-build-using-namespace)

/// Encodes what it is told.
class Encoder final : public FrameHandler {
 public:
  Encoder() { appendMagic(bytes); }
  void onOpen(const OpenFrame& frame) override { appendOpen(bytes, frame); }
  void onData(std::uint64_t connection, std::span<const std::uint8_t> payload) override {
    appendData(bytes, connection, payload);
  }
  void onRequest(const RequestFrame& frame) override { appendRequest(bytes, frame); }
  void onClose(const CloseFrame& frame) override { appendClose(bytes, frame); }
  void onLedger(std::string_view json) override { appendLedger(bytes, json); }
  void onHeartbeat() override { appendHeartbeat(bytes); }
  void onResponse(const ResponseFrame& frame) override {
    // Of a later version; this one's encoder refuses them.
    if (frame.head.size() > kMaxResponseHead || frame.body.size() > kMaxResponseBody) return;
    appendResponse(bytes, frame);
  }

  std::vector<std::uint8_t> bytes;
};

struct Outcome {
  std::vector<std::uint8_t> events;
  std::optional<std::string> error;
  bool atBoundary = false;

  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::span<const std::uint8_t> stream, std::size_t chunk) {
  Encoder events;
  FrameDecoder decoder(events);
  Outcome outcome;
  try {
    while (!stream.empty()) {
      const std::size_t n = std::min(chunk, stream.size());
      decoder.feed(stream.first(n));
      stream = stream.subspan(n);
    }
    outcome.atBoundary = decoder.atBoundary();
  } catch (const FrameError& error) {
    outcome.error = error.what();
  }
  outcome.events = std::move(events.bytes);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the chunks.
  const std::span<const std::uint8_t> stream(data + 1, size - 1);
  const Outcome whole = decode(stream, std::max<std::size_t>(1, stream.size()));
  if (decode(stream, 1U + data[0]) != whole) std::abort();
  const Outcome again = decode(whole.events, 1U + data[0]);
  if (again.error || again.events != whole.events) std::abort();
  return 0;
}
