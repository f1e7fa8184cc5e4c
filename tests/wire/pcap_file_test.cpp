#include "wire/pcap_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

namespace dormouse::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t kLinkTypeRaw = 101;  // Begins with the IP header.

// An IPv4 UDP datagram from 10.0.0.1:1000 to 10.0.0.2:2000.
Bytes datagram() {
  return {0x45, 0, 0, 32, 0,    0,    0,    0,    64, 17, 0, 0, 10,  0,   0,   1,
          10,   0, 0, 2,  0x03, 0xe8, 0x07, 0xd0, 0,  12, 0, 0, 'p', 'i', 'n', 'g'};
}

std::string run(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a fixed command.
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), n);
  }
  ::pclose(pipe);
  return output;
}

TEST(PcapFile, TsharkReadsItBack) {
  Bytes out;
  appendPcapHeader(out, kLinkTypeRaw, 262144);
  EXPECT_EQ(out.size(), kPcapFileHeaderBytes);
  const Bytes whole = datagram();
  appendPcapRecord(out, WallTime(Nanos(1'700'000'000'000'000'007)), whole,
                   static_cast<std::uint32_t>(whole.size()));
  EXPECT_EQ(out.size(), kPcapFileHeaderBytes + kPcapRecordHeaderBytes + whole.size());
  // The second one was cut by the snapshot length.
  appendPcapRecord(out, WallTime(Nanos(1'700'000'001'999'999'999)), std::span(whole).first(28),
                   1500);
  const std::string path = testing::TempDir() + "pcap_file_test.pcap";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size()));
  EXPECT_EQ(run("tshark -r " + path +
                " -T fields -e frame.time_epoch -e frame.len -e frame.cap_len -e ip.dst "
                "-e udp.dstport 2>&1 | grep -v '^Running as'"),
            "1700000000.000000007\t32\t32\t10.0.0.2\t2000\n"
            "1700000001.999999999\t1500\t28\t10.0.0.2\t2000\n");
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace dormouse::wire
