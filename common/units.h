// Sizes and durations as people write them in options.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace dormouse {

/// "65536", "64KiB", "8MiB", "1GiB", or Kubernetes' "64Ki", "8Mi", "1Gi". A whole number, no sign.
std::optional<std::uint64_t> parseByteSize(std::string_view text);
/// The largest unit that divides it: "8MiB", "1000".
std::string formatByteSize(std::uint64_t bytes);

/// One or more whole numbers with a unit of ns, us, ms, s, m or h, the larger unit first: "5ms",
/// "30m", "1h30m"; "0" alone needs none. At most 100 years.
std::optional<Nanos> parseDuration(std::string_view text);
/// "1h30m", "5ms": exact, and parseDuration() reads it.
std::string formatDuration(Nanos duration);

/// A size as the value of an option.
struct ByteSize {
  std::uint64_t bytes = 0;
};

/// A duration as the value of an option.
struct Duration {
  Nanos value{0};
};

// For the defaults in --help.
std::ostream& operator<<(std::ostream& out, const ByteSize& size);
std::ostream& operator<<(std::ostream& out, const Duration& duration);

}  // namespace dormouse
