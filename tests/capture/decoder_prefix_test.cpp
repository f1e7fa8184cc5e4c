// A frame cut at any point, by the snapshot length or by a lie, never becomes a wrong packet.
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "capture/decoder.h"
#include "tests/capture/link_layers.h"

namespace dormouse::capture {
namespace {

using namespace dormouse::testing;

struct Sample {
  std::string name;
  LinkType link;
  Buffer frame;
  Decoded whole;
  std::size_t needed;   // Bytes of the frame without padding.
  std::string payload;  // Of the whole frame.
};

std::vector<Sample> samples() {
  std::vector<Sample> all;
  const auto add = [&](const std::string& name, const Buffer& ip, Decoded whole,
                       const std::string& payload) {
    const auto put = [&](const char* link, LinkType type, const Buffer& frame) {
      all.push_back({name + " in " + link, type, frame, whole, frame.size(), payload});
    };
    put("ethernet", LinkType::kEthernet, ethernet(ip));
    put("two tags", LinkType::kEthernet, ethernet(ip, {0x88, 0xa8, 0, 1, 0x81, 0, 0, 2}));
    put("sll", LinkType::kLinuxSll, sll(ip));
    put("sll2", LinkType::kLinuxSll2, sll2(ip));
    put("raw", LinkType::kRaw, ip);
    const std::uint8_t family = isIpv4(ip) ? 2 : 10;
    put("null", LinkType::kNull, joined({{family, 0, 0, 0}, ip}));
    put("padded ethernet", LinkType::kEthernet, joined({ethernet(ip), Buffer(9)}));
    all.back().needed -= 9;
  };
  for (const bool v6 : {false, true}) {
    const Buffer tcp = ipBytes(tcpSegment(v6, "payload"));
    add("tcp", tcp, Decoded::kPacket, "payload");
    add("udp", ipBytes(udpDatagram(v6, "datagram")), Decoded::kPacket, "datagram");
    if (v6) {
      add("chain",
          withExtensions(tcp, {0, 43, 44, 51, 60},
                         {extension(0, 16), extension(43, 24), fragmentHeader(0), extension(51, 16),
                          extension(60, 8)}),
          Decoded::kPacket, "payload");
    } else {
      add("options", withIpv4Options(tcp, Buffer(12, 1)), Decoded::kPacket, "payload");
    }
  }
  return all;
}

// On the heap at its exact size: an address sanitizer sees any byte read beyond it.
Decoded decodeExactly(LinkType link, std::span<const std::uint8_t> bytes, std::size_t wireLength,
                      Packet& packet, std::string& payload) {
  const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, copy.get());
  const std::span<const std::uint8_t> exact(copy.get(), bytes.size());
  const Decoded decoded =
      decode(link, {WallTime(), exact, static_cast<std::uint32_t>(wireLength)}, packet);
  if (!packet.payload.empty()) {
    EXPECT_GE(packet.payload.data(), exact.data());
    EXPECT_LE(packet.payload.data() + packet.payload.size(), exact.data() + exact.size());
  }
  payload = text(packet.payload);
  return decoded;
}

TEST(DecoderPrefix, NoPrefixBecomesAWrongPacket) {
  for (const Sample& sample : samples()) {
    for (std::size_t length = 0; length <= sample.frame.size(); ++length) {
      for (const std::size_t wireLength : {length, sample.frame.size()}) {
        Packet packet;
        std::string payload;
        const Decoded decoded = decodeExactly(sample.link, std::span(sample.frame).first(length),
                                              wireLength, packet, payload);
        if (length < sample.needed) {
          EXPECT_EQ(decoded, Decoded::kTruncated) << sample.name << " cut at " << length;
          EXPECT_EQ(payload, "") << sample.name << " cut at " << length;
        } else {
          EXPECT_EQ(decoded, sample.whole) << sample.name << " cut at " << length;
          EXPECT_EQ(payload, sample.payload) << sample.name << " cut at " << length;
        }
      }
    }
  }
}

TEST(DecoderPrefix, NoChangedByteLeadsOutsideTheFrame) {
  std::mt19937 random(1);
  for (const Sample& sample : samples()) {
    for (int round = 0; round < 300; ++round) {
      Buffer frame = sample.frame;
      for (int change = 0; change < 1 + round % 3; ++change) {
        frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
      }
      frame.resize(frame.size() - random() % 4);
      Packet packet;
      std::string payload;
      const Decoded decoded = decodeExactly(sample.link, frame, frame.size(), packet, payload);
      if (decoded != Decoded::kPacket) {
        EXPECT_EQ(payload, "") << sample.name;
      }
    }
  }
}

}  // namespace
}  // namespace dormouse::capture
