// The filters, compiled by libpcap and run over crafted SLL2 frames.
#include "capture/filter.h"

#include <gtest/gtest.h>
#include <pcap.h>

#include <numeric>
#include <stdexcept>

#include "capture/pcap_capture.h"
#include "tests/capture/link_layers.h"

namespace dormouse::capture {
namespace {

using namespace dormouse::testing;

constexpr std::uint8_t kInbound = 0;
constexpr std::uint8_t kOutbound = 4;
constexpr std::uint8_t kLoopback = 1;
constexpr std::uint8_t kOtherInterface = 7;

class CompiledFilter {
 public:
  explicit CompiledFilter(const std::string& text) : dead_(pcap_open_dead(DLT_LINUX_SLL2, 262144)) {
    if (pcap_compile(dead_, &program_, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      throw std::runtime_error(pcap_geterr(dead_));
    }
  }
  ~CompiledFilter() {
    pcap_freecode(&program_);
    pcap_close(dead_);
  }
  CompiledFilter(const CompiledFilter&) = delete;
  CompiledFilter& operator=(const CompiledFilter&) = delete;

  bool passes(const Buffer& ip, std::uint8_t packetType = kInbound,
              std::uint8_t interface = kOtherInterface) const {
    const Buffer frame = sll2(ip, packetType, interface);
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    return pcap_offline_filter(&program_, &header, frame.data()) != 0;
  }
  unsigned instructions() const { return program_.bf_len; }

 private:
  pcap_t* dead_;
  bpf_program program_{};
};

CompiledFilter tcpFilter(std::vector<std::uint16_t> ports = {8080}) {
  return CompiledFilter(reassemblyFilter(Transport::kTcp, ports));
}

Buffer segment(bool v6, std::uint8_t flags, std::string payload = "", std::uint16_t port = 8080) {
  Segment made = tcpSegment(v6, std::move(payload), flags);
  made.destination.port = port;
  return ipBytes(made);
}

Buffer answer(bool v6, std::uint8_t flags, std::string payload = "") {
  Segment made = tcpSegment(v6, std::move(payload), flags);
  std::swap(made.source, made.destination);
  return ipBytes(made);
}

TEST(ReassemblyFilter, PassesWhatCarriesSomethingAndNoPureAcks) {
  const CompiledFilter filter = tcpFilter();
  for (const bool v6 : {false, true}) {
    SCOPED_TRACE(v6);
    EXPECT_FALSE(filter.passes(segment(v6, kAck)));
    EXPECT_FALSE(filter.passes(segment(v6, kAck | kPsh)));
    EXPECT_TRUE(filter.passes(segment(v6, kAck, "x")));
    EXPECT_TRUE(filter.passes(segment(v6, kSyn)));
    EXPECT_TRUE(filter.passes(segment(v6, kFin | kAck)));
    EXPECT_TRUE(filter.passes(segment(v6, kRst)));
  }
}

TEST(ReassemblyFilter, OptionsAreNoPayload) {
  const CompiledFilter filter = tcpFilter();
  for (const bool v6 : {false, true}) {
    // A pure ACK with the usual time-stamp option: 12 bytes that belong to the header.
    Buffer ack = segment(v6, kAck, std::string(12, '\1'));
    ack[v6 ? 52 : 32] = 8 << 4;
    EXPECT_FALSE(filter.passes(ack));
    Buffer data = segment(v6, kAck, std::string(13, '\1'));
    data[v6 ? 52 : 32] = 8 << 4;
    EXPECT_TRUE(filter.passes(data));
  }
  EXPECT_FALSE(filter.passes(withIpv4Options(segment(false, kAck), Buffer(8, 1))));
  EXPECT_TRUE(filter.passes(withIpv4Options(segment(false, kAck, "x"), Buffer(8, 1))));
}

TEST(ReassemblyFilter, PassesWhatItCannotMeasure) {
  const CompiledFilter filter = tcpFilter();
  for (const bool v6 : {false, true}) {
    Buffer big = segment(v6, kAck);
    detail::patch16(big, v6 ? 4 : 2, 0);
    EXPECT_TRUE(filter.passes(big));
    Buffer other = segment(v6, kAck, "x", 81);
    detail::patch16(other, v6 ? 4 : 2, 0);
    EXPECT_FALSE(filter.passes(other));
  }
  for (const std::uint8_t type : Buffer{0, 43, 51, 60}) {
    const Buffer chain = withExtensions(segment(true, kAck), {type}, {extension(type, 16)});
    EXPECT_TRUE(filter.passes(chain)) << int{type};
    EXPECT_FALSE(filter.passes(chain, kOutbound)) << int{type};
  }
  EXPECT_TRUE(filter.passes(withExtensions(segment(true, kAck), {44}, {fragmentHeader(1)})));
}

TEST(ReassemblyFilter, PassesNoOtherPortProtocolOrDirection) {
  const CompiledFilter filter = tcpFilter();
  for (const bool v6 : {false, true}) {
    EXPECT_FALSE(filter.passes(segment(v6, kSyn, "x", 8081)));
    EXPECT_FALSE(filter.passes(ipBytes(udpDatagram(v6, "x"))));
    EXPECT_FALSE(filter.passes(segment(v6, kAck, "x"), kOutbound));
    EXPECT_FALSE(filter.passes(answer(v6, kAck, "x")));
  }
}

TEST(ReassemblyFilter, PassesThePodsOwnResets) {
  const CompiledFilter filter = tcpFilter();
  for (const bool v6 : {false, true}) {
    SCOPED_TRACE(v6);
    EXPECT_TRUE(filter.passes(answer(v6, kRst), kOutbound));
    EXPECT_TRUE(filter.passes(answer(v6, kRst | kAck), kOutbound));
    EXPECT_FALSE(filter.passes(answer(v6, kFin | kAck, "x"), kOutbound));
    // Another server's reset, from the same port number.
    EXPECT_FALSE(filter.passes(answer(v6, kRst), kInbound));
    // A client's reset on its way out of the pod.
    EXPECT_FALSE(filter.passes(segment(v6, kRst), kOutbound));
    // On lo the arriving copy is the one that libpcap hands out.
    EXPECT_TRUE(filter.passes(answer(v6, kRst), kInbound, kLoopback));
    EXPECT_FALSE(filter.passes(answer(v6, kRst), kOutbound, kLoopback));
  }
}

TEST(ReassemblyFilter, OfFragmentsPassesTheFirst) {
  const CompiledFilter filter = tcpFilter();
  Buffer fragment = segment(false, kAck, "x");
  fragment[6] = 0x20;
  EXPECT_TRUE(filter.passes(fragment));
  fragment[7] = 100;
  EXPECT_FALSE(filter.passes(fragment));
}

TEST(ReassemblyFilter, PassesUdpToThePort) {
  const std::uint16_t port = 8080;
  const CompiledFilter filter(reassemblyFilter(Transport::kUdp, {&port, 1}));
  for (const bool v6 : {false, true}) {
    EXPECT_TRUE(filter.passes(ipBytes(udpDatagram(v6, ""))));
    EXPECT_FALSE(filter.passes(ipBytes(udpDatagram(v6, "x")), kOutbound));
    EXPECT_FALSE(filter.passes(segment(v6, kSyn, "x")));
    Segment other = udpDatagram(v6, "x");
    other.destination.port = 53;
    EXPECT_FALSE(filter.passes(ipBytes(other)));
  }
  EXPECT_TRUE(
      filter.passes(withExtensions(ipBytes(udpDatagram(true, "x")), {60}, {extension(60, 8)})));
}

TEST(ReassemblyFilter, TakesManyPortsInOneExpression) {
  const std::vector<std::uint16_t> ports = {9000, 80, 8081, 443, 8080, 8082, 443, 65535, 1};
  const CompiledFilter filter = tcpFilter(ports);
  for (const bool v6 : {false, true}) {
    for (const std::uint16_t port : ports) EXPECT_TRUE(filter.passes(segment(v6, kSyn, "", port)));
    for (const std::uint16_t port :
         std::vector<std::uint16_t>{2, 79, 81, 442, 444, 8079, 8083, 8999, 9001, 65534}) {
      EXPECT_FALSE(filter.passes(segment(v6, kSyn, "", port))) << port;
    }
  }
}

TEST(ReassemblyFilter, StaysSmall) {
  EXPECT_LE(tcpFilter().instructions(), 80U);
  std::vector<std::uint16_t> ports(1000);
  std::iota(ports.begin(), ports.end(), std::uint16_t{2000});
  // A run of ports costs two tests more than one port, in each of the four places.
  EXPECT_LE(tcpFilter(ports).instructions(), 88U);
}

TEST(BothDirectionsFilter, ShowsEachPacketOnce) {
  const std::uint16_t port = 8080;
  const CompiledFilter tcp(bothDirectionsFilter(Transport::kTcp, {&port, 1}));
  const CompiledFilter udp(bothDirectionsFilter(Transport::kUdp, {&port, 1}));
  for (const bool v6 : {false, true}) {
    SCOPED_TRACE(v6);
    EXPECT_TRUE(tcp.passes(segment(v6, kAck)));
    EXPECT_TRUE(tcp.passes(answer(v6, kAck), kOutbound));
    EXPECT_FALSE(tcp.passes(segment(v6, kAck), kOutbound));
    EXPECT_FALSE(tcp.passes(answer(v6, kAck), kInbound));
    // On lo: the arriving copies of both directions, and of no packet both copies.
    EXPECT_TRUE(tcp.passes(segment(v6, kAck), kInbound, kLoopback));
    EXPECT_TRUE(tcp.passes(answer(v6, kAck), kInbound, kLoopback));
    EXPECT_FALSE(tcp.passes(segment(v6, kAck), kOutbound, kLoopback));
    EXPECT_FALSE(tcp.passes(answer(v6, kAck), kOutbound, kLoopback));
    EXPECT_FALSE(tcp.passes(ipBytes(udpDatagram(v6, "x"))));
    EXPECT_TRUE(udp.passes(ipBytes(udpDatagram(v6, "x"))));
    EXPECT_FALSE(udp.passes(segment(v6, kAck)));
  }
  EXPECT_FALSE(tcp.passes(withExtensions(segment(true, kAck), {60}, {extension(60, 8)})));
}

TEST(CheckFilter, AcceptsOursAndRefusesNonsenseWithTheReason) {
  const std::vector<std::uint16_t> ports = {80, 443};
  for (const Transport transport : {Transport::kTcp, Transport::kUdp}) {
    EXPECT_NO_THROW(checkFilter(reassemblyFilter(transport, ports)));
    EXPECT_NO_THROW(checkFilter(bothDirectionsFilter(transport, ports)));
  }
  EXPECT_NO_THROW(checkFilter(""));
  try {
    checkFilter("tcp dst port eighty");
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("eighty"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace dormouse::capture
