// The kernel's answers about sockets, and answers that no kernel would give.
#include "client/follow/diag_message.h"

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "tests/follow/sockets.h"

namespace dormouse::follow {
namespace {

constexpr std::uint32_t kSequence = 7;
using Bytes = std::vector<std::uint8_t>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}

Bytes message(std::uint16_t type, const Bytes& body, std::uint32_t sequence = kSequence,
              std::uint16_t flags = NLM_F_MULTI) {
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + body.size());
  head.nlmsg_type = type;
  head.nlmsg_flags = flags;
  head.nlmsg_seq = sequence;
  Bytes bytes;
  append(bytes, head);
  bytes.insert(bytes.end(), body.begin(), body.end());
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  return bytes;
}

Bytes socketBody(std::uint8_t family, std::uint8_t state, std::uint16_t port, std::uint32_t inode) {
  inet_diag_msg body{};
  body.idiag_family = family;
  body.idiag_state = state;
  body.id.idiag_sport = htons(port);
  body.idiag_inode = inode;
  Bytes bytes;
  append(bytes, body);
  return bytes;
}

Bytes attribute(std::uint16_t type, const Bytes& value) {
  nlattr head{};
  head.nla_len = static_cast<std::uint16_t>(sizeof head + value.size());
  head.nla_type = type;
  Bytes bytes;
  append(bytes, head);
  bytes.insert(bytes.end(), value.begin(), value.end());
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes errorBody(int error) {
  Bytes bytes;
  append(bytes, error);
  return bytes;
}

TEST(DiagMessage, ListsSocketsUntilItIsDone) {
  const Bytes bytes = message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_LISTEN, 80, 11)) +
                      message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET6, TCP_LISTEN, 81, 12) +
                                                       attribute(INET_DIAG_SHUTDOWN, {0}) +
                                                       attribute(INET_DIAG_SKV6ONLY, {1}));
  OpenSockets sockets;
  EXPECT_EQ(parseDiag(bytes, Protocol::kTcp, kSequence, sockets).state, DiagState::kMore);
  ASSERT_EQ(sockets.size(), 2U);
  EXPECT_EQ(sockets[0].port, 80);
  EXPECT_EQ(sockets[0].inode, 11U);
  EXPECT_FALSE(sockets[0].v6);
  EXPECT_TRUE(sockets[1].v6);
  EXPECT_TRUE(sockets[1].v6Only);
  const auto end = parseDiag(message(NLMSG_DONE, errorBody(0)), Protocol::kTcp, kSequence, sockets);
  EXPECT_EQ(end.state, DiagState::kDone);
}

TEST(DiagMessage, LeavesOutWhatTakesNoTraffic) {
  OpenSockets sockets;
  parseDiag(message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_ESTABLISHED, 80, 1)) +
                message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_LISTEN, 0, 2)) +
                message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_LISTEN, 80, 0)) +
                message(SOCK_DIAG_BY_FAMILY, socketBody(AF_UNIX, TCP_LISTEN, 80, 3)) +
                message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_CLOSE, 80, 4)),
            Protocol::kTcp, kSequence, sockets);
  EXPECT_TRUE(sockets.empty());
  parseDiag(message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_CLOSE, 53, 4)), Protocol::kUdp,
            kSequence, sockets);
  ASSERT_EQ(sockets.size(), 1U);
  EXPECT_EQ(sockets[0].protocol, Protocol::kUdp);
}

TEST(DiagMessage, PassesOverEarlierAnswers) {
  OpenSockets sockets;
  const auto result =
      parseDiag(message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET, TCP_LISTEN, 80, 1), 6) +
                    message(NLMSG_DONE, errorBody(0), 6),
                Protocol::kTcp, kSequence, sockets);
  EXPECT_EQ(result.state, DiagState::kMore);
  EXPECT_TRUE(sockets.empty());
}

TEST(DiagMessage, TellsRefusalsAndChanges) {
  OpenSockets sockets;
  auto result =
      parseDiag(message(NLMSG_ERROR, errorBody(-ENOENT)), Protocol::kTcp, kSequence, sockets);
  EXPECT_EQ(result.state, DiagState::kFailed);
  EXPECT_EQ(result.error, ENOENT);
  result = parseDiag(message(NLMSG_DONE, errorBody(-EINVAL)), Protocol::kTcp, kSequence, sockets);
  EXPECT_EQ(result.error, EINVAL);
  result = parseDiag(message(NLMSG_DONE, errorBody(0), kSequence, NLM_F_DUMP_INTR), Protocol::kTcp,
                     kSequence, sockets);
  EXPECT_EQ(result.state, DiagState::kDone);
  EXPECT_TRUE(result.interrupted);
}

TEST(DiagMessage, ReadsNothingBehindTheEnd) {
  const Bytes whole = message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET6, TCP_LISTEN, 81, 12) +
                                                       attribute(INET_DIAG_SKV6ONLY, {1}));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A copy of its own, so that the address sanitizer sees its end.
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    OpenSockets sockets;
    const auto result = parseDiag(cut, Protocol::kTcp, kSequence, sockets);
    EXPECT_TRUE(sockets.empty()) << length;
    EXPECT_EQ(result.state, length < sizeof(nlmsghdr) ? DiagState::kMore : DiagState::kFailed);
  }
  Bytes lying = whole;
  lying[0] = 8;  // Shorter than its own head.
  OpenSockets sockets;
  EXPECT_EQ(parseDiag(lying, Protocol::kTcp, kSequence, sockets).error, EBADMSG);
}

TEST(DiagMessage, AnAttributeThatLiesIsNoV6Only) {
  Bytes lying = attribute(INET_DIAG_SKV6ONLY, {1});
  lying[0] = 200;
  OpenSockets sockets;
  parseDiag(message(SOCK_DIAG_BY_FAMILY, socketBody(AF_INET6, TCP_LISTEN, 81, 12) + lying),
            Protocol::kTcp, kSequence, sockets);
  ASSERT_EQ(sockets.size(), 1U);
  EXPECT_FALSE(sockets[0].v6Only);
}

TEST(OpenSocket, IsReachedByLoopbackWhereItTakesEverything) {
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "0.0.0.0"))), "127.0.0.1 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "10.0.0.5"))), "10.0.0.5 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "::"))), "127.0.0.1 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "::1"))), "::1 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "fd00::5"))), "fd00::5 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "::ffff:10.0.0.5"))), "10.0.0.5 80");
  EXPECT_EQ(textOf(destinationOf(listed(1, 80, "::ffff:0.0.0.0"))), "127.0.0.1 80");
  OpenSocket only = listed(1, 80, "::");
  only.v6Only = true;
  EXPECT_EQ(textOf(destinationOf(only)), "::1 80");
  EXPECT_LT(rankOf(listed(1, 80, "0.0.0.0")), rankOf(only));
  EXPECT_LT(rankOf(only), rankOf(listed(1, 80, "10.0.0.5")));
}

}  // namespace
}  // namespace dormouse::follow
