#include "client/follow/notice.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace dormouse::follow {
namespace {

// socketcall(2), linux/net.h: SYS_BIND and SYS_LISTEN.
constexpr std::uint64_t kSocketcallBind = 2;
constexpr std::uint64_t kSocketcallListen = 4;

Notice listenOn(std::uint64_t fd) {
  // The kernel takes an int: the upper half of the register does not count.
  const auto number = static_cast<int>(static_cast<std::uint32_t>(fd));
  if (number < 0) return {};
  return {Notice::Kind::kListen, number, std::nullopt};
}

Notice bindTo(std::uint64_t fd, std::uint64_t address, std::uint64_t length, const Memory& memory) {
  const auto number = static_cast<int>(static_cast<std::uint32_t>(fd));
  if (number < 0 || static_cast<std::uint32_t>(length) < sizeof(sockaddr_in)) return {};
  Notice notice{Notice::Kind::kBind, number, std::nullopt};
  // sockaddr_in and sockaddr_in6 begin alike: the family, then the port in network order.
  std::array<std::uint8_t, 4> head{};
  if (memory(address, head) < head.size()) return notice;
  sa_family_t family = 0;
  std::memcpy(&family, head.data(), sizeof family);
  if (family != AF_INET && family != AF_INET6) return {};
  notice.port = static_cast<std::uint16_t>(head[2] << 8 | head[3]);
  return notice;
}

Notice muxed(const SystemCall& call, const Memory& memory) {
  std::array<std::uint8_t, 12> bytes{};
  if (memory(call.arguments[1], bytes) < bytes.size()) return {};
  std::array<std::uint32_t, 3> arguments{};
  std::memcpy(arguments.data(), bytes.data(), bytes.size());
  if (call.arguments[0] == kSocketcallListen) return listenOn(arguments[0]);
  if (call.arguments[0] == kSocketcallBind) {
    return bindTo(arguments[0], arguments[1], arguments[2], memory);
  }
  return {};
}

}  // namespace

Notice noticeOf(const SystemCall& call, const std::vector<CallNumbers>& numbers,
                const Memory& memory) {
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [&](const CallNumbers& one) { return one.arch == call.arch; });
  if (found == numbers.end() || call.number < 0) return {};
  if (call.number == found->listen) return listenOn(call.arguments[0]);
  if (call.number == found->bind) {
    return bindTo(call.arguments[0], call.arguments[1], call.arguments[2], memory);
  }
  if (call.number == found->socketcall) return muxed(call, memory);
  return {};
}

}  // namespace dormouse::follow
