// What decode() makes of whole frames of every kind.
#include "capture/decoder.h"

#include <gtest/gtest.h>

#include "tests/capture/link_layers.h"

namespace dormouse::capture {
namespace {

using namespace dormouse::testing;

struct Result {
  Decoded decoded;
  Packet packet;
};

Result decodeFrame(LinkType link, const Buffer& frame, std::uint32_t cutOff = 0) {
  Result result{};
  const RawPacket raw{WallTime(Nanos(1234567890123456789)), frame,
                      static_cast<std::uint32_t>(frame.size()) + cutOff};
  result.decoded = decode(link, raw, result.packet);
  return result;
}

void expectGet(const Result& result, bool v6) {
  ASSERT_EQ(result.decoded, Decoded::kPacket);
  const Segment sent = tcpSegment(v6, "GET /");
  EXPECT_EQ(result.packet.source, sent.source);
  EXPECT_EQ(result.packet.destination, sent.destination);
  EXPECT_EQ(result.packet.transport, Transport::kTcp);
  EXPECT_EQ(result.packet.flags, kAck | kPsh);
  EXPECT_EQ(result.packet.sequence, 0x01020304U);
  EXPECT_EQ(result.packet.acknowledgment, 0xa0b0c0d0U);
  EXPECT_EQ(text(result.packet.payload), "GET /");
  EXPECT_EQ(result.packet.timestamp, WallTime(Nanos(1234567890123456789)));
}

Buffer get(bool v6) {
  return ipBytes(tcpSegment(v6, "GET /"));
}

// Written out by hand, so that no helper's error can hide the decoder's.
TEST(Decoder, ReadsAnEthernetFrameByteByByte) {
  const Buffer frame = {0x02, 0,    0,    0,    0, 1, 0x02, 0, 0,  0, 0, 2, 0x08, 0x00,  // Ethernet
                        0x45, 0,    0,    43,   0, 0, 0x40, 0, 64, 6, 0, 0, 192,  0,    2,
                        1,    198,  51,   100,  2,  // IPv4
                        0xc0, 0x01, 0x1f, 0x90, 0, 0, 0,    5, 0,  0, 0, 9, 0x50, 0x18, 1,
                        0,    0,    0,    0,    0,      // TCP
                        'a',  'b',  'c',  0,    0, 0};  // and padding
  const Result result = decodeFrame(LinkType::kEthernet, frame);
  ASSERT_EQ(result.decoded, Decoded::kPacket);
  EXPECT_EQ(result.packet.source.toString(), "192.0.2.1:49153");
  EXPECT_EQ(result.packet.destination.toString(), "198.51.100.2:8080");
  EXPECT_EQ(result.packet.sequence, 5U);
  EXPECT_EQ(result.packet.acknowledgment, 9U);
  EXPECT_EQ(text(result.packet.payload), "abc");
  EXPECT_FALSE(result.packet.outbound);
  EXPECT_EQ(result.packet.interface, 0U);
}

TEST(Decoder, ReadsEveryLinkType) {
  for (const bool v6 : {false, true}) {
    SCOPED_TRACE(v6);
    expectGet(decodeFrame(LinkType::kEthernet, ethernet(get(v6))), v6);
    expectGet(decodeFrame(LinkType::kRaw, get(v6)), v6);
    expectGet(decodeFrame(LinkType::kLinuxSll, sll(get(v6))), v6);
    expectGet(decodeFrame(LinkType::kLinuxSll2, sll2(get(v6))), v6);
  }
}

TEST(Decoder, ReadsTheNullFamilyInEitherByteOrder) {
  for (const std::uint8_t family : Buffer{10, 24, 28, 30}) {
    expectGet(decodeFrame(LinkType::kNull, joined({{family, 0, 0, 0}, get(true)})), true);
    expectGet(decodeFrame(LinkType::kNull, joined({{0, 0, 0, family}, get(true)})), true);
  }
  expectGet(decodeFrame(LinkType::kNull, joined({{2, 0, 0, 0}, get(false)})), false);
  expectGet(decodeFrame(LinkType::kNull, joined({{0, 0, 0, 2}, get(false)})), false);
  EXPECT_EQ(decodeFrame(LinkType::kNull, joined({{7, 0, 0, 0}, get(false)})).decoded,
            Decoded::kUnsupported);
}

TEST(Decoder, TakesDirectionAndInterfaceFromTheCookedHeaders) {
  EXPECT_TRUE(decodeFrame(LinkType::kLinuxSll, sll(get(false), 4)).packet.outbound);
  EXPECT_FALSE(decodeFrame(LinkType::kLinuxSll, sll(get(false), 3)).packet.outbound);
  const Result result = decodeFrame(LinkType::kLinuxSll2, sll2(get(false), 4, 9));
  EXPECT_TRUE(result.packet.outbound);
  EXPECT_EQ(result.packet.interface, 9U);
  EXPECT_FALSE(decodeFrame(LinkType::kLinuxSll2, sll2(get(false), 0)).packet.outbound);
}

TEST(Decoder, WalksOverVlanTags) {
  expectGet(decodeFrame(LinkType::kEthernet, ethernet(get(false), {0x81, 0, 0, 5})), false);
  expectGet(
      decodeFrame(LinkType::kEthernet, ethernet(get(true), {0x88, 0xa8, 0, 5, 0x81, 0, 0, 6})),
      true);
  expectGet(decodeFrame(LinkType::kEthernet, ethernet(get(true), {0x91, 0, 0, 5, 0x81, 0, 0, 6})),
            true);
}

TEST(Decoder, OptionsAreNotPayload) {
  const Buffer ip = withIpv4Options(get(false), {7, 7, 4, 0, 0, 0, 0, 0});
  expectGet(decodeFrame(LinkType::kRaw, ip), false);
  Buffer tcpOptions = ipBytes(tcpSegment(false, "\1\1\1\1GET /"));
  tcpOptions[32] = 6 << 4;
  expectGet(decodeFrame(LinkType::kRaw, tcpOptions), false);
}

TEST(Decoder, WalksOverIpv6ExtensionHeaders) {
  const Buffer ip = withExtensions(get(true), {0, 43, 60, 44, 51, 60},
                                   {extension(0, 8), extension(43, 24), extension(60, 16),
                                    fragmentHeader(0), extension(51, 24), extension(60, 8)});
  expectGet(decodeFrame(LinkType::kRaw, ip), true);
}

TEST(Decoder, LeavesWhatIsNotForThisHostOrNotReadable) {
  Buffer routing = extension(43, 24);
  routing[3] = 1;  // One segment left.
  EXPECT_EQ(decodeFrame(LinkType::kRaw, withExtensions(get(true), {43}, {routing})).decoded,
            Decoded::kUnsupported);
  for (const std::uint8_t next : Buffer{50, 58, 59, 135}) {
    Buffer ip = get(true);
    ip[6] = next;
    EXPECT_EQ(decodeFrame(LinkType::kRaw, ip).decoded, Decoded::kUnsupported) << int{next};
  }
  Buffer icmp = get(false);
  icmp[9] = 1;
  EXPECT_EQ(decodeFrame(LinkType::kRaw, icmp).decoded, Decoded::kUnsupported);
  Buffer arp = ethernet(get(false));
  arp[13] = 6;
  EXPECT_EQ(decodeFrame(LinkType::kEthernet, arp).decoded, Decoded::kUnsupported);
  Buffer version = ethernet(get(false));
  version[14] = 0x55;
  EXPECT_EQ(decodeFrame(LinkType::kEthernet, version).decoded, Decoded::kUnsupported);
  EXPECT_EQ(decodeFrame(static_cast<LinkType>(105), get(false)).decoded, Decoded::kUnsupported);
}

TEST(Decoder, FirstFragmentsHaveEndpointsAndLaterOnesAreNothing) {
  Buffer ip = get(false);
  ip[6] = 0x20;
  const Result first = decodeFrame(LinkType::kRaw, ip);
  EXPECT_EQ(first.decoded, Decoded::kFragment);
  EXPECT_EQ(first.packet.destination, tcpSegment(false, "").destination);
  EXPECT_TRUE(first.packet.payload.empty());
  ip[7] = 1;
  EXPECT_EQ(decodeFrame(LinkType::kRaw, ip).decoded, Decoded::kUnsupported);
  ip[6] = 0;  // The last one.
  EXPECT_EQ(decodeFrame(LinkType::kRaw, ip).decoded, Decoded::kUnsupported);

  const auto fragment = [](std::uint16_t field) {
    return withExtensions(get(true), {44, 60}, {fragmentHeader(field), extension(60, 8)});
  };
  const Result six = decodeFrame(LinkType::kRaw, fragment(1));
  EXPECT_EQ(six.decoded, Decoded::kFragment);
  EXPECT_EQ(six.packet.source, tcpSegment(true, "").source);
  EXPECT_TRUE(six.packet.payload.empty());
  EXPECT_EQ(decodeFrame(LinkType::kRaw, fragment(8)).decoded, Decoded::kUnsupported);
  EXPECT_EQ(decodeFrame(LinkType::kRaw, fragment(9)).decoded, Decoded::kUnsupported);
}

TEST(Decoder, PaddingIsNotPayload) {
  for (const bool v6 : {false, true}) {
    const Buffer frame = joined({ethernet(get(v6)), {0, 0, 0, 0, 0, 0}});
    expectGet(decodeFrame(LinkType::kEthernet, frame), v6);
  }
}

TEST(Decoder, LengthZeroMeansAsFarAsTheFrameGoes) {
  const std::string big(200'000, 'x');
  for (const bool v6 : {false, true}) {
    Buffer ip = ipBytes(tcpSegment(v6, big));
    detail::patch16(ip, v6 ? 4 : 2, 0);
    const Result whole = decodeFrame(LinkType::kRaw, ip);
    ASSERT_EQ(whole.decoded, Decoded::kPacket);
    EXPECT_EQ(whole.packet.payload.size(), big.size());
    EXPECT_EQ(decodeFrame(LinkType::kRaw, ip, 1).decoded, Decoded::kTruncated);
  }
}

TEST(Decoder, LiesAboutLengthsAreTruncations) {
  const auto with = [](bool v6, std::size_t at, std::uint8_t value) {
    Buffer ip = get(v6);
    ip.at(at) = value;
    return decodeFrame(LinkType::kRaw, ip).decoded;
  };
  EXPECT_EQ(with(false, 0, 0x44), Decoded::kTruncated);     // Header of 16 bytes.
  EXPECT_EQ(with(false, 3, 19), Decoded::kTruncated);       // Total below the header.
  EXPECT_EQ(with(false, 3, 46), Decoded::kTruncated);       // Total beyond the frame.
  EXPECT_EQ(with(false, 32, 4 << 4), Decoded::kTruncated);  // TCP header of 16 bytes.
  EXPECT_EQ(with(false, 32, 0xf0), Decoded::kTruncated);    // TCP header beyond the segment.
  EXPECT_EQ(with(true, 5, 26), Decoded::kTruncated);        // Payload beyond the frame.
  EXPECT_EQ(with(true, 5, 19), Decoded::kTruncated);        // Payload below TCP's header.
  Buffer chain = withExtensions(get(true), {60}, {extension(60, 8)});
  chain[41] = 255;
  EXPECT_EQ(decodeFrame(LinkType::kRaw, chain).decoded, Decoded::kTruncated);
}

TEST(Decoder, ReadsUdpByItsOwnLength) {
  for (const bool v6 : {false, true}) {
    const std::size_t at = v6 ? 44 : 24;
    Buffer ip = ipBytes(udpDatagram(v6, "hello"));
    const Result whole = decodeFrame(LinkType::kRaw, ip);
    ASSERT_EQ(whole.decoded, Decoded::kPacket);
    EXPECT_EQ(whole.packet.transport, Transport::kUdp);
    EXPECT_EQ(whole.packet.flags, 0);
    EXPECT_EQ(whole.packet.destination.port, 8080);
    EXPECT_EQ(text(whole.packet.payload), "hello");

    detail::patch16(ip, at, 10);
    EXPECT_EQ(text(decodeFrame(LinkType::kRaw, ip).packet.payload), "he");
    for (const std::uint16_t lie : std::vector<std::uint16_t>{0, 7, 14}) {
      detail::patch16(ip, at, lie);
      EXPECT_EQ(decodeFrame(LinkType::kRaw, ip).decoded, Decoded::kTruncated) << lie;
    }
    detail::patch16(ip, at, 0);  // A jumbogram.
    detail::patch16(ip, v6 ? 4 : 2, 0);
    EXPECT_EQ(text(decodeFrame(LinkType::kRaw, ip).packet.payload), "hello");
  }
  EXPECT_EQ(decodeFrame(LinkType::kRaw, ipBytes(udpDatagram(false, ""))).decoded, Decoded::kPacket);
}

TEST(Decoder, ForgetsTheLastPacket) {
  Packet packet;
  const Buffer frame = sll2(get(false), 4);
  ASSERT_EQ(decode(LinkType::kLinuxSll2, {WallTime(), frame, 65}, packet), Decoded::kPacket);
  EXPECT_EQ(decode(LinkType::kRaw, {WallTime(), {}, 0}, packet), Decoded::kTruncated);
  EXPECT_FALSE(packet.outbound);
  EXPECT_EQ(packet.destination, Endpoint());
  EXPECT_TRUE(packet.payload.empty());
}

}  // namespace
}  // namespace dormouse::capture
