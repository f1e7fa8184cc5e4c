#include "client/follow/diag_message.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dormouse::follow {
namespace {

template <typename T>
T copyOf(std::span<const std::uint8_t> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::size_t aligned(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

// INET_DIAG_SKV6ONLY among the attributes behind the message; false if it is not there.
bool v6OnlyIn(std::span<const std::uint8_t> attributes) {
  while (attributes.size() >= sizeof(nlattr)) {
    const auto head = copyOf<nlattr>(attributes);
    if (head.nla_len < sizeof(nlattr) || head.nla_len > attributes.size()) return false;
    if ((head.nla_type & NLA_TYPE_MASK) == INET_DIAG_SKV6ONLY && head.nla_len > sizeof(nlattr)) {
      return attributes[sizeof(nlattr)] != 0;
    }
    attributes = attributes.subspan(std::min(aligned(head.nla_len), attributes.size()));
  }
  return false;
}

void append(std::span<const std::uint8_t> body, Protocol protocol, OpenSockets& into) {
  if (body.size() < sizeof(inet_diag_msg)) return;
  const auto message = copyOf<inet_diag_msg>(body);
  const int wanted = protocol == Protocol::kTcp ? TCP_LISTEN : TCP_CLOSE;
  if (message.idiag_state != wanted || message.idiag_inode == 0 || message.id.idiag_sport == 0) {
    return;
  }
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return;
  OpenSocket socket;
  socket.protocol = protocol;
  socket.v6 = message.idiag_family == AF_INET6;
  const std::size_t length = socket.v6 ? 16 : 4;
  std::memcpy(socket.address.data(), message.id.idiag_src, length);
  socket.interface = message.id.idiag_if;
  socket.port = ntohs(message.id.idiag_sport);
  socket.inode = message.idiag_inode;
  socket.v6Only =
      socket.v6 && v6OnlyIn(body.subspan(std::min(aligned(sizeof(inet_diag_msg)), body.size())));
  into.push_back(socket);
}

}  // namespace

std::vector<std::uint8_t> diagRequest(Protocol protocol, bool v6, std::uint32_t sequence) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 body;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.head.nlmsg_seq = sequence;
  request.body.sdiag_family = v6 ? AF_INET6 : AF_INET;
  request.body.sdiag_protocol = protocol == Protocol::kTcp ? IPPROTO_TCP : IPPROTO_UDP;
  request.body.idiag_states = 1U << (protocol == Protocol::kTcp ? TCP_LISTEN : TCP_CLOSE);
  std::vector<std::uint8_t> bytes(sizeof request);
  std::memcpy(bytes.data(), &request, sizeof request);
  return bytes;
}

DiagResult parseDiag(std::span<const std::uint8_t> bytes, Protocol protocol, std::uint32_t sequence,
                     OpenSockets& into) {
  DiagResult result;
  while (bytes.size() >= sizeof(nlmsghdr)) {
    const auto head = copyOf<nlmsghdr>(bytes);
    if (head.nlmsg_len < sizeof(nlmsghdr) || head.nlmsg_len > bytes.size()) {
      return {DiagState::kFailed, EBADMSG, result.interrupted};
    }
    const auto body = bytes.subspan(sizeof(nlmsghdr), head.nlmsg_len - sizeof(nlmsghdr));
    bytes = bytes.subspan(std::min(aligned(head.nlmsg_len), bytes.size()));
    if (head.nlmsg_seq != sequence) continue;
    result.interrupted = result.interrupted || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
      // Both bring a negative errno, a DONE of old kernels perhaps none.
      const int error = body.size() >= sizeof(int) ? copyOf<int>(body) : 0;
      const bool failed = error < 0 || head.nlmsg_type == NLMSG_ERROR;
      result.state = failed ? DiagState::kFailed : DiagState::kDone;
      if (failed) result.error = error < 0 && error > -4096 ? -error : EBADMSG;
      return result;
    }
    if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY) append(body, protocol, into);
  }
  return result;
}

}  // namespace dormouse::follow
