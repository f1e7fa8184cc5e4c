// Which port of the pod belongs to a port on which the program listens.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "client/follow/open_socket.h"

namespace dormouse::follow {

/// Who chose a port's number.
enum class Chosen : std::uint8_t {
  kByProgram,
  kByKernel,  // The program asked for port 0, or for none.
  kUnknown,
};

/// The ports that the kernel chooses from, both included.
struct PortRange {
  std::uint16_t first = 32768;
  std::uint16_t last = 60999;
};

/// What --map says. The same number unless told otherwise; a port that the kernel chose means
/// nothing in the pod, and belongs to what `0` is mapped to.
class PortMap {
 public:
  /// Takes one "3000:8080", "0:8080" or "9229:none". Throws std::invalid_argument with a sentence.
  void add(std::string_view text);
  void setKernelRange(PortRange range) { range_ = range; }

  /// 1 to 65535; nullopt: not to be mirrored. A UDP port that the kernel chose is a client's.
  std::optional<std::uint16_t> remoteOf(Protocol protocol, std::uint16_t local,
                                        Chosen chosen) const;

 private:
  std::map<std::uint16_t, std::optional<std::uint16_t>> entries_;
  PortRange range_;
};

/// The text of /proc/sys/net/ipv4/ip_local_port_range; Linux's own range if it makes no sense.
PortRange parsePortRange(std::string_view text);

}  // namespace dormouse::follow
