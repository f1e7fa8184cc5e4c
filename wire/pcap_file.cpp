#include "wire/pcap_file.h"

#include <cassert>
#include <cstring>
#include <type_traits>

namespace dormouse::wire {
namespace {

constexpr std::uint32_t kNanosecondMagic = 0xa1b23c4d;

// Host byte order: a reader learns it from how the magic number reads.
template <typename T>
void append(std::vector<std::uint8_t>& out, T value) {
  static_assert(std::is_unsigned_v<T>);
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

}  // namespace

void appendPcapHeader(std::vector<std::uint8_t>& out, std::uint16_t linkType,
                      std::uint32_t snaplen) {
  append(out, kNanosecondMagic);
  append(out, std::uint16_t{2});
  append(out, std::uint16_t{4});
  append(out, std::uint32_t{0});  // Reserved; once the time zone.
  append(out, std::uint32_t{0});  // Reserved; once the accuracy.
  append(out, snaplen);
  append(out, std::uint32_t{linkType});  // No FCS: the upper bits are 0.
}

void appendPcapRecord(std::vector<std::uint8_t>& out, WallTime timestamp,
                      std::span<const std::uint8_t> bytes, std::uint32_t wireLength) {
  assert(wireLength >= bytes.size());
  const auto sinceEpoch = timestamp.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(sinceEpoch);
  append(out, static_cast<std::uint32_t>(seconds.count()));  // 32 bits last until 2106.
  append(out, static_cast<std::uint32_t>((sinceEpoch - seconds).count()));
  append(out, static_cast<std::uint32_t>(bytes.size()));
  append(out, wireLength);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace dormouse::wire
