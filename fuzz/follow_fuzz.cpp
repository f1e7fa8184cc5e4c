// What the kernel tells of a program: system calls with the caller's memory, which the program may
// fill as it likes; netlink's lists of sockets; and the lists of /proc. The first byte chooses
// which.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "client/follow/diag_message.h"
#include "client/follow/notice.h"
#include "client/follow/ports.h"
#include "client/follow/proc_net.h"

namespace {

using namespace dormouse;          // NOLINT(google-build-using-namespace): a program of its own.
using namespace dormouse::follow;  // NOLINT(google-build-using-namespace)
using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kSequence = 1;

// A call's registers, then its memory, which begins at address 0.
void notice(Bytes bytes) {
  SystemCall call;
  if (bytes.size() < 1 + sizeof call.arguments) return;
  const std::vector<CallNumbers> numbers = {{1, 50, 49, -101}, {2, 363, 361, 102}};
  constexpr std::int64_t kCalls[] = {49, 50, 102, 361, 363, -101, 0};
  call.arch = 1 + bytes[0] % 3;
  call.number = kCalls[bytes[0] / 3 % std::size(kCalls)];
  std::memcpy(call.arguments.data(), bytes.data() + 1, sizeof call.arguments);
  const Bytes memory = bytes.subspan(1 + sizeof call.arguments);
  const Notice result =
      noticeOf(call, numbers, [memory](std::uint64_t address, std::span<std::uint8_t> into) {
        if (address >= memory.size()) return std::size_t{0};
        const Bytes there = memory.subspan(static_cast<std::size_t>(address));
        const std::size_t count = std::min(there.size(), into.size());
        std::copy_n(there.begin(), count, into.begin());
        return count;
      });
  if (result.kind != Notice::Kind::kNothing && result.fd < 0) std::abort();
  if (result.kind != Notice::Kind::kBind && result.port) std::abort();
}

// Whatever is listed is a socket that could be, and is told of once.
void follow(const OpenSockets& sockets) {
  Ports ports(PortMap(), true, true);
  for (const OpenSocket& socket : sockets) {
    if (socket.port == 0 || socket.inode == 0 || (socket.v6Only && !socket.v6)) std::abort();
    if (destinationOf(socket).length == 0) std::abort();
    ports.noteBind(socket.inode, socket.port, TimePoint());
  }
  ports.update(sockets);
  if (!ports.update(sockets).empty()) std::abort();
}

void lists(Bytes bytes, Protocol protocol, bool proc) {
  OpenSockets sockets;
  if (proc) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const bool v6 : {false, true}) parseProcNet(text, protocol, v6, sockets);
  } else {
    const DiagResult result = parseDiag(bytes, protocol, kSequence, sockets);
    if ((result.state == DiagState::kFailed) != (result.error > 0)) std::abort();
  }
  follow(sockets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy of its own, so that the address sanitizer sees its end.
  const std::vector<std::uint8_t> bytes(data + 1, data + size);
  const Protocol protocol = (data[0] & 1) != 0 ? Protocol::kUdp : Protocol::kTcp;
  switch (data[0] >> 1) {
    case 0:
      notice(bytes);
      break;
    case 1:
      lists(bytes, protocol, false);
      break;
    default:
      lists(bytes, protocol, true);
  }
  return 0;
}
