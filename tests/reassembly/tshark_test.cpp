// Captures with reordering, duplication and retransmission: the flow table and tshark must read the
// same streams out of them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "harness.h"
#include "mangle.h"

namespace dormouse::reassembly {
namespace {

using testing::endpoint;
using testing::Segment;
using testing::TcpClient;

/// A capture file that goes with its owner.
class CaptureFile {
 public:
  explicit CaptureFile(const std::vector<Segment>& segments)
      : name_(::testing::TempDir() + "dormouse-reassembly-XXXXXX") {
    const int fd = mkstemp(name_.data());
    if (fd < 0) throw std::runtime_error("cannot make a temporary file in " + name_);
    std::FILE* file = fdopen(fd, "wb");
    // The pcap header (draft-ietf-opsawg-pcap): magic, version 2.4, snapshot length, link type RAW.
    write(file, {0xa1b2c3d4, 0x00040002, 0, 0, 262144, 101});
    std::uint32_t milliseconds = 0;
    for (const Segment& segment : segments) {
      const std::vector<std::uint8_t> bytes = testing::ipBytes(segment);
      const auto size = static_cast<std::uint32_t>(bytes.size());
      ++milliseconds;
      write(file, {milliseconds / 1000, milliseconds % 1000 * 1000, size, size});
      std::fwrite(bytes.data(), 1, bytes.size(), file);
    }
    if (std::fclose(file) != 0) throw std::runtime_error("cannot write " + name_);
  }
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  ~CaptureFile() { unlink(name_.c_str()); }

  const std::string& name() const { return name_; }

 private:
  static void write(std::FILE* file, const std::vector<std::uint32_t>& words) {
    std::fwrite(words.data(), sizeof(std::uint32_t), words.size(), file);
  }

  std::string name_;
};

/// What tshark takes for the streams' bytes, by the client's port. Its output has one block for
/// each stream: two lines that name the nodes, then the bytes in hexadecimal, then a line of '='.
std::map<std::uint16_t, std::string> tsharkStreams(const CaptureFile& capture, std::size_t count) {
  std::string command = "tshark -n -r '" + capture.name() + "' -q";
  for (std::size_t i = 0; i < count; ++i) command += " -z follow,tcp,raw," + std::to_string(i);
  std::FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start tshark");
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  if (pclose(pipe) != 0) throw std::runtime_error("tshark is missing or failed");

  std::map<std::uint16_t, std::string> streams;
  std::string* current = nullptr;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("Node 0: ", 0) == 0) {
      current = &streams[static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)))];
    } else if (line.rfind("Node 1: ", 0) != 0 && current != nullptr) {
      if (line.rfind('=', 0) == 0) {
        current = nullptr;
        continue;
      }
      for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
        current->push_back(static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16)));
      }
    }
  }
  return streams;
}

TEST(Tshark, ReadsTheSameStreams) {
  constexpr std::size_t kStreams = 40;
  for (std::uint32_t seed = 0; seed < 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::vector<Segment>> senders(kStreams);
    for (std::size_t i = 0; i < kStreams; ++i) {
      TcpClient client;
      client.server.port = 47000;  // No protocol that tshark would take apart.
      client.client.port = static_cast<std::uint16_t>(50000 + i);
      if (i % 4 == 0) {
        client.client.address = endpoint("2001:db8::1", 1).address;
        client.server.address = endpoint("2001:db8::2", 1).address;
      }
      client.isn = 0xffffffff - below(random, 600);
      senders[i] = mangled(random, client, randomBytes(random, 1 + below(random, 1000)), 8, false);
    }
    // Round robin, so that the streams interleave.
    std::vector<Segment> all;
    for (std::size_t turn = 0, before = 1; all.size() != before; ++turn) {
      before = all.size();
      for (const auto& sender : senders) {
        if (turn < sender.size()) all.push_back(sender[turn]);
      }
    }

    Harness harness;
    for (const Segment& segment : all) harness.add(segment);
    const auto theirs = tsharkStreams(CaptureFile(all), kStreams);
    ASSERT_EQ(harness.stories(), kStreams);
    ASSERT_EQ(theirs.size(), kStreams);
    for (const Story& story : harness.listener.stories) {
      ASSERT_EQ(story.bytes, theirs.at(story.key.client.port)) << story.key.client.port;
    }
    harness.finish();
  }
}

}  // namespace
}  // namespace dormouse::reassembly
