#include "client/follow/socket_lists.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "client/follow/diag_message.h"
#include "client/follow/proc_net.h"

namespace dormouse::follow {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;  // The kernel fills at most 32 KiB of it.
constexpr int kTries = 3;                       // While the list changes under our reading.

}  // namespace

SocketLists::SocketLists(std::string procNet) : procNet_(std::move(procNet)) {
  fd_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd_ < 0) return;
  // The kernel answers at once; should it not, the program must not wait for its listen.
  const timeval limit{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

SocketLists::~SocketLists() {
  if (fd_ >= 0) ::close(fd_);
}

OpenSockets SocketLists::read() {
  OpenSockets sockets;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
    for (const bool v6 : {false, true}) {
      if (!readDiag(protocol, v6, sockets)) readProc(protocol, v6, sockets);
    }
  }
  return sockets;
}

bool SocketLists::readDiag(Protocol protocol, bool v6, OpenSockets& into) {
  const std::size_t before = into.size();
  bool interrupted = true;
  for (int i = 0; i < kTries && interrupted && fd_ >= 0; ++i) {
    into.resize(before);
    interrupted = false;
    const auto request = diagRequest(protocol, v6, ++sequence_);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    const ssize_t sent = ::sendto(fd_, request.data(), request.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent < 0 || !receive(protocol, into, interrupted)) {
      into.resize(before);
      return false;
    }
  }
  return fd_ >= 0;
}

bool SocketLists::receive(Protocol protocol, OpenSockets& into, bool& interrupted) {
  std::vector<std::uint8_t> buffer(kBufferBytes);
  for (;;) {
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t got = ::recvfrom(fd_, buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    if (from.nl_pid != 0) continue;  // Not the kernel.
    const DiagResult result = parseDiag(std::span(buffer).first(static_cast<std::size_t>(got)),
                                        protocol, sequence_, into);
    interrupted = interrupted || result.interrupted;
    if (result.state != DiagState::kMore) return result.state == DiagState::kDone;
  }
}

void SocketLists::readProc(Protocol protocol, bool v6, OpenSockets& into) const {
  const std::string name =
      std::string(protocol == Protocol::kTcp ? "tcp" : "udp") + (v6 ? "6" : "");
  const std::ifstream file(procNet_ + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  parseProcNet(text.str(), protocol, v6, into);
}

}  // namespace dormouse::follow
