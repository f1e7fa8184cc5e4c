// A real Linux TCP receiver that gets crafted segments: a listening socket behind a TUN device, in
// a user and network namespace of the test's own.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/packets.h"

namespace dormouse::reassembly {

/// A file descriptor with one owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Throws std::runtime_error that names the step which failed. One per process: the namespaces are
/// entered for good. REQUIRES: the process has one thread.
class LinuxReceiver {
 public:
  LinuxReceiver() {
    enterNamespaces();
    openDevice();
    listenForClients();
  }

  /// Opens a connection from that client; its segments may then be sent. Sets the client's server
  /// and what it acknowledges.
  void connect(testing::TcpClient& client) {
    client.client.address = testing::endpoint(kPeer, 1).address;
    client.server = testing::endpoint(kLocal, port_);
    inject(client.syn());
    client.ack = awaitSynAck(client.client.port) + 1;
    inject(client.bare(0));
    connection_.reset(accept(listener_.get(), nullptr, nullptr));
    check(connection_.get(), "accept");
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    check(setsockopt(connection_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
          "SO_RCVTIMEO");
  }

  void inject(const testing::Segment& segment) {
    const std::vector<std::uint8_t> bytes = testing::ipBytes(segment);
    check(write(device_.get(), bytes.data(), bytes.size()), "write to the TUN device");
  }

  /// What the application reads: `size` bytes, or less if the stream ends before.
  std::string receive(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = recv(connection_.get(), bytes.data() + have, size - have, 0);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  /// Whether the application sees the end of the stream now.
  bool atEnd() {
    char byte = 0;
    return recv(connection_.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

 private:
  static constexpr const char* kLocal = "10.9.0.1";
  static constexpr const char* kPeer = "10.9.0.2";

  template <typename Result>
  static Result check(Result result, const std::string& step) {
    if (result < 0) throw std::runtime_error(step + ": " + std::strerror(errno));
    return result;
  }

  static void writeFile(const char* path, const std::string& text) {
    const Descriptor file(check(open(path, O_WRONLY | O_CLOEXEC), path));
    check(write(file.get(), text.data(), text.size()), path);
  }

  static void enterNamespaces() {
    const std::string uid = std::to_string(getuid());
    const std::string gid = std::to_string(getgid());
    check(unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare of user and network namespace");
    writeFile("/proc/self/setgroups", "deny");
    writeFile("/proc/self/uid_map", "0 " + uid + " 1");
    writeFile("/proc/self/gid_map", "0 " + gid + " 1");
    // One CPU, so that the kernel takes the packets in the order in which they are written.
    cpu_set_t cpus;
    check(sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
    std::size_t first = 0;
    while (!CPU_ISSET(first, &cpus)) ++first;
    CPU_ZERO(&cpus);
    CPU_SET(first, &cpus);
    check(sched_setaffinity(0, sizeof cpus, &cpus), "sched_setaffinity");
  }

  static sockaddr_in socketAddress(const char* address) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    inet_pton(AF_INET, address, &result.sin_addr);
    return result;
  }

  void openDevice() {
    device_.reset(check(open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open of /dev/net/tun"));
    ifreq request{};
    std::strncpy(request.ifr_name, "dormouse0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    check(ioctl(device_.get(), TUNSETIFF, &request), "TUNSETIFF");
    const Descriptor socket(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    const sockaddr_in local = socketAddress(kLocal);
    std::memcpy(&request.ifr_addr, &local, sizeof local);
    check(ioctl(socket.get(), SIOCSIFADDR, &request), "SIOCSIFADDR");
    const sockaddr_in mask = socketAddress("255.255.255.0");
    std::memcpy(&request.ifr_netmask, &mask, sizeof mask);
    check(ioctl(socket.get(), SIOCSIFNETMASK, &request), "SIOCSIFNETMASK");
    request.ifr_flags = IFF_UP;
    check(ioctl(socket.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
  }

  void listenForClients() {
    listener_.reset(check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    sockaddr_in local = socketAddress(kLocal);
    check(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), "bind");
    check(listen(listener_.get(), 16), "listen");
    socklen_t size = sizeof local;
    check(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&local), &size), "getsockname");
    port_ = ntohs(local.sin_port);
  }

  /// The initial sequence number with which the kernel answers that port. Other packets of the
  /// kernel are read and forgotten.
  std::uint32_t awaitSynAck(std::uint16_t port) {
    std::array<std::uint8_t, 2048> packet{};
    for (;;) {
      pollfd ready{.fd = device_.get(), .events = POLLIN, .revents = 0};
      if (check(poll(&ready, 1, 5000), "poll") == 0) throw std::runtime_error("no SYN+ACK came");
      const auto size = check(read(device_.get(), packet.data(), packet.size()), "read from TUN");
      if (size < 40 || packet[0] != 0x45 || packet[9] != IPPROTO_TCP) continue;
      const auto word = [&](std::size_t at) { return packet[at] << 8 | packet[at + 1]; };
      if (word(22) != port || (packet[33] & 0x3f) != (capture::kSyn | capture::kAck)) continue;
      return static_cast<std::uint32_t>(word(24)) << 16 | static_cast<std::uint32_t>(word(26));
    }
  }

  Descriptor device_;
  Descriptor listener_;
  Descriptor connection_;
  std::uint16_t port_ = 0;
};

}  // namespace dormouse::reassembly
