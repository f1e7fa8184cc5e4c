// The real capture, over loopback in a network namespace.
#include "capture/pcap_capture.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "capture/decoder.h"
#include "capture/filter.h"

namespace dormouse::capture {
namespace {

struct Seen {
  std::uint16_t sourcePort;
  std::uint16_t destinationPort;
  std::uint8_t flags;
  bool outbound;
  std::uint32_t interface;
  std::string payload;
  WallTime timestamp;
};

class Collector : public PacketHandler {
 public:
  void onPacket(const RawPacket& raw) override {
    Packet packet;
    ASSERT_EQ(decode(LinkType::kLinuxSll2, raw, packet), Decoded::kPacket);
    seen.push_back({packet.source.port,
                    packet.destination.port,
                    packet.flags,
                    packet.outbound,
                    packet.interface,
                    {packet.payload.begin(), packet.payload.end()},
                    packet.timestamp});
  }
  std::size_t count(const std::string& payload) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(seen, [&](const Seen& s) { return s.payload == payload; }));
  }
  std::vector<Seen> seen;
};

bool readable(const Capture& capture, int millis) {
  pollfd waiting{capture.fd(), POLLIN, 0};
  return poll(&waiting, 1, millis) == 1;
}

// Collects until `payload` has come. The ring hands packets over in order, so that whatever was
// sent before it and is not there by then will never be.
void collectUntil(Capture& capture, Collector& collector, const std::string& payload) {
  while (collector.count(payload) == 0) {
    ASSERT_TRUE(readable(capture, 10'000)) << "nothing captured";
    capture.dispatch(collector, 1000);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0) throw std::runtime_error("socket");
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  void reset() { close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

sockaddr* asSockaddr(sockaddr_in6& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

// A TCP server and UDP socket on a port of the kernel's choice, on both loopback addresses.
class Server {
 public:
  Server() : listener_(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    socklen_t size = sizeof any;
    const int off = 0;
    setsockopt(listener_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(listener_.get(), asSockaddr(any), size) != 0 || listen(listener_.get(), 16) != 0 ||
        getsockname(listener_.get(), asSockaddr(any), &size) != 0) {
      throw std::runtime_error("listen");
    }
    port_ = ntohs(any.sin6_port);
  }
  std::uint16_t port() const { return port_; }
  Descriptor connect(const char* address) const {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port_);
    inet_pton(AF_INET6, address, &to.sin6_addr);
    Descriptor client(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), asSockaddr(to), sizeof to) != 0) {
      throw std::runtime_error("connect");
    }
    return client;
  }
  Descriptor accept() const { return Descriptor(::accept(listener_.get(), nullptr, nullptr)); }

 private:
  Descriptor listener_;
  std::uint16_t port_ = 0;
};

void sendAll(const Descriptor& to, const std::string& bytes) {
  ASSERT_EQ(send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

void receiveAll(const Descriptor& from, std::size_t size) {
  std::string bytes(size, '\0');
  ASSERT_EQ(recv(from.get(), bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
}

void resetOnClose(Descriptor& socket) {
  const linger now{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket.reset();
}

PcapOptions optionsFor(std::uint16_t port, const char* device = "any") {
  PcapOptions options;
  options.device = device;
  options.filter = reassemblyFilter(Transport::kTcp, {&port, 1});
  options.ringBytes = 1 << 20;
  return options;
}

bool netRawIsEffective() {
  cap_t sets = cap_get_proc();
  cap_flag_value_t value = CAP_CLEAR;
  cap_get_flag(sets, CAP_NET_RAW, CAP_EFFECTIVE, &value);
  cap_free(sets);
  return value == CAP_SET;
}

using PcapCaptureOn = ::testing::TestWithParam<std::pair<const char*, const char*>>;

TEST_P(PcapCaptureOn, SeesEachSegmentWithPayloadOnceAndNoPureAck) {
  const auto [device, address] = GetParam();
  const Server server;
  const auto capture = openPcap(optionsFor(server.port(), device));
  Collector collector;
  const Descriptor client = server.connect(address);
  const Descriptor peer = server.accept();
  for (int i = 0; i < 20; ++i) {
    sendAll(client, "request " + std::to_string(i));
    receiveAll(peer, 9 + (i > 9 ? 1 : 0));
    sendAll(peer, std::string(100'000, 'r'));
    receiveAll(client, 100'000);  // Answered by nothing but pure ACKs.
  }
  sendAll(client, "the end");
  collectUntil(*capture, collector, "the end");

  EXPECT_EQ(collector.seen.size(), 22U);  // SYN, 20 requests, the end.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(collector.count("request " + std::to_string(i)), 1U);
  EXPECT_EQ(collector.seen.front().flags & kSyn, kSyn);
  for (const Seen& seen : collector.seen) {
    EXPECT_EQ(seen.destinationPort, server.port());
    EXPECT_EQ(seen.interface, 1U);
    EXPECT_FALSE(seen.outbound);
    // Nanoseconds since the epoch, and not microseconds taken for them.
    EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - seen.timestamp),
              std::chrono::minutes(5));
  }
  EXPECT_TRUE(std::ranges::any_of(
      collector.seen, [](const Seen& s) { return s.timestamp.time_since_epoch().count() % 1000; }));
  EXPECT_EQ(capture->kernelDrops(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Devices, PcapCaptureOn,
                         ::testing::Values(std::pair("any", "::ffff:127.0.0.1"),
                                           std::pair("any", "::1"),
                                           std::pair("lo", "::ffff:127.0.0.1"),
                                           std::pair("lo", "::1")));

TEST(PcapCapture, SeesThePodsOwnResetOnLoopback) {
  const Server server;
  const auto capture = openPcap(optionsFor(server.port()));
  Collector collector;
  const Descriptor client = server.connect("::1");
  Descriptor peer = server.accept();
  resetOnClose(peer);
  sendAll(server.connect("::1"), "the end");
  collectUntil(*capture, collector, "the end");
  EXPECT_EQ(std::ranges::count_if(collector.seen,
                                  [&](const Seen& s) {
                                    return (s.flags & kRst) != 0 && s.sourcePort == server.port();
                                  }),
            1);
}

TEST(PcapCapture, TheBothDirectionsFilterShowsLoopbackOnce) {
  const Server server;
  PcapOptions options = optionsFor(server.port());
  const std::uint16_t port = server.port();
  options.filter = bothDirectionsFilter(Transport::kTcp, {&port, 1});
  const auto capture = openPcap(options);
  Collector collector;
  const Descriptor client = server.connect("::ffff:127.0.0.1");
  const Descriptor peer = server.accept();
  sendAll(client, "question");
  receiveAll(peer, 8);
  sendAll(peer, "answer");
  receiveAll(client, 6);
  sendAll(client, "the end");
  collectUntil(*capture, collector, "the end");
  EXPECT_EQ(collector.count("question"), 1U);
  EXPECT_EQ(collector.count("answer"), 1U);
}

// Another port is under load while captures are opened: what arrives between bind and filter must
// not be handed out.
TEST(PcapCapture, HandsOutNothingThatCameBeforeTheFilter) {
  const Server noisy;
  const Server quiet;
  std::jthread noise([&](const std::stop_token& stop) {
    const Descriptor client = noisy.connect("::1");
    const Descriptor peer = noisy.accept();
    while (!stop.stop_requested()) {
      sendAll(client, "noise");
      receiveAll(peer, 5);
    }
  });
  for (const char* device : {"any", "lo"}) {
    for (int round = 0; round < 10; ++round) {
      const auto capture = openPcap(optionsFor(quiet.port(), device));
      Collector collector;
      const Descriptor client = quiet.connect("::1");
      const Descriptor peer = quiet.accept();
      sendAll(client, "the end");
      collectUntil(*capture, collector, "the end");
      EXPECT_EQ(collector.seen.size(), 2U);  // The SYN is there too: none is lost either.
      EXPECT_EQ(collector.count("noise"), 0U);
    }
  }
}

TEST(PcapCapture, HandsOutNoMoreThanTheLimitAndStaysReadable) {
  const Server server;
  const auto capture = openPcap(optionsFor(server.port()));
  Collector collector;
  for (int i = 0; i < 5; ++i) server.connect("::1");
  ASSERT_TRUE(readable(*capture, 10'000));
  std::size_t dispatched = 0;
  while (collector.seen.size() < 10) {  // A SYN and a FIN each.
    ASSERT_TRUE(readable(*capture, 10'000)) << collector.seen.size() << " seen";
    const int count = capture->dispatch(collector, 1).packets;
    ASSERT_LE(count, 1);
    dispatched += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(dispatched, collector.seen.size());
  EXPECT_EQ(capture->dispatch(collector, 1).packets, 0);
}

TEST(PcapCapture, ImmediateModeWorksToo) {
  const Server server;
  PcapOptions options = optionsFor(server.port());
  options.batch = std::chrono::milliseconds(0);
  const auto capture = openPcap(options);
  Collector collector;
  EXPECT_EQ(capture->dispatch(collector, 100).packets, 0);  // And does not block.
  const Descriptor client = server.connect("::1");
  sendAll(client, "the end");
  collectUntil(*capture, collector, "the end");
  EXPECT_EQ(collector.seen.size(), 2U);
}

class ThrowsOnce : public Collector {
 public:
  void onPacket(const RawPacket& raw) override {
    if (!std::exchange(thrown_, true)) throw std::logic_error("of the handler");
    Collector::onPacket(raw);
  }

 private:
  bool thrown_ = false;
};

TEST(PcapCapture, AHandlersExceptionReachesTheCallerAndCostsOnePacket) {
  const Server server;
  const auto capture = openPcap(optionsFor(server.port()));
  ThrowsOnce handler;
  const Descriptor client = server.connect("::1");
  sendAll(client, "the end");
  ASSERT_TRUE(readable(*capture, 10'000));
  EXPECT_THROW(capture->dispatch(handler, 100), std::logic_error);
  collectUntil(*capture, handler, "the end");
  EXPECT_EQ(handler.seen.size(), 1U);
}

TEST(PcapCapture, CountsWhatTheKernelDropped) {
  const Server server;
  PcapOptions options = optionsFor(server.port());
  options.ringBytes = 512 << 10;
  const auto capture = openPcap(options);
  const Descriptor client = server.connect("::1");
  const Descriptor peer = server.accept();
  const std::string chunk(60'000, 'x');
  for (int i = 0; i < 100; ++i) {  // 6 MB into a ring of 512 KiB that nobody reads.
    sendAll(client, chunk);
    receiveAll(peer, chunk.size());
  }
  const std::uint64_t drops = capture->kernelDrops();
  EXPECT_GT(drops, 0U);
  EXPECT_EQ(capture->kernelDrops(), drops);  // It counts from the opening, not from the last call.
}

TEST(PcapCapture, LowersTheCapabilityAgain) {
  const Server server;
  ASSERT_NO_THROW(openPcap(optionsFor(server.port())));
  EXPECT_FALSE(netRawIsEffective());
  ASSERT_NO_THROW(openPcap(optionsFor(server.port())));  // It is still permitted.
  PcapOptions wrong = optionsFor(server.port());
  wrong.filter = "nonsense";
  EXPECT_THROW(openPcap(wrong), std::runtime_error);
  EXPECT_FALSE(netRawIsEffective());
  {
    const RaisedNetRaw raised;
    EXPECT_TRUE(netRawIsEffective());
  }
  EXPECT_FALSE(netRawIsEffective());
}

TEST(PcapCapture, WithoutTheCapabilitySaysSo) {
  std::thread([] {
    cap_t none = cap_init();
    ASSERT_EQ(cap_set_proc(none), 0);
    cap_free(none);
    EXPECT_THROW(openPcap(optionsFor(80)), MissingCapability);
  }).join();
}

TEST(PcapCapture, RefusesWhatItCannotOpenWithASentence) {
  const auto message = [](const PcapOptions& options) -> std::string {
    try {
      openPcap(options);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  const std::string missing = message(optionsFor(80, "nosuch0"));
  EXPECT_NE(missing.find("nosuch0: No such device"), std::string::npos) << missing;
  PcapOptions huge = optionsFor(80);
  huge.ringBytes = std::size_t{1} << 32;
  EXPECT_NE(message(huge).find("2 GiB"), std::string::npos) << message(huge);
  PcapOptions userSpace = optionsFor(80);
  userSpace.filter = "link[11] = 6";  // A byte of the SLL2 header that the kernel does not have.
  EXPECT_NE(message(userSpace).find("did not take the filter"), std::string::npos)
      << message(userSpace);
}

}  // namespace
}  // namespace dormouse::capture
