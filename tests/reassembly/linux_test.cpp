// The same segments to the flow table and to a real Linux socket: the same bytes must come out,
// also where they contradict each other.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <random>
#include <sstream>

#include "harness.h"
#include "linux_receiver.h"

namespace dormouse::reassembly {
namespace {

using testing::Segment;
using testing::TcpClient;

struct Piece {
  std::uint32_t offset = 0;
  std::string bytes;
  bool fin = false;

  std::uint32_t end() const {
    return offset + static_cast<std::uint32_t>(bytes.size()) + (fin ? 1U : 0U);
  }
};

std::ostream& operator<<(std::ostream& out, const Piece& piece) {
  return out << '(' << piece.offset << ',' << piece.bytes << (piece.fin ? ",FIN)" : ")");
}

/// Pieces that fill what the others leave open, in order, so that all of them get delivered.
std::vector<Piece> fillers(const std::vector<Piece>& pieces) {
  std::vector<bool> covered;
  for (const Piece& piece : pieces) {
    if (covered.size() < piece.end()) covered.resize(piece.end());
    for (std::uint32_t i = piece.offset; i < piece.end(); ++i) covered[i] = true;
  }
  std::vector<Piece> result;
  for (std::uint32_t i = 0; i < covered.size(); ++i) {
    if (covered[i]) continue;
    if (result.empty() || result.back().end() != i) result.push_back({i, ""});
    result.back().bytes += '_';
  }
  return result;
}

class LinuxDifferential : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    try {
      linux_ = std::make_unique<LinuxReceiver>();
    } catch (const std::runtime_error& error) {
      whyNot_ = error.what();
    }
  }
  static void TearDownTestSuite() { linux_.reset(); }

  void SetUp() override {
    if (!linux_) GTEST_SKIP() << "no TUN device in a namespace of one's own here: " << whyNot_;
  }

  /// Sends the pieces both ways and compares. Returns what came out.
  std::string compare(std::vector<Piece> pieces) {
    std::ostringstream shown;
    for (const Piece& piece : pieces) shown << piece;
    SCOPED_TRACE(shown.str());
    for (const Piece& piece : fillers(pieces)) pieces.push_back(piece);

    Harness harness;
    TcpClient client;
    client.client.port = nextPort_++;
    client.isn = 0xfffffff0 - nextPort_ % 64U;  // Wraps within most of the streams.
    linux_->connect(client);
    harness.add(client.syn());
    for (const Piece& piece : pieces) {
      const Segment segment = piece.fin ? client.fin(piece.offset, piece.bytes)
                                        : client.data(piece.offset, piece.bytes);
      linux_->inject(segment);
      harness.add(segment);
    }
    const std::string ours = harness.last().bytes;
    EXPECT_EQ(linux_->receive(ours.size()), ours);
    EXPECT_EQ(linux_->atEnd(), harness.last().fate.has_value());
    linux_->inject(client.rst(static_cast<std::uint32_t>(ours.size())));
    harness.finish();
    return ours;
  }

  static std::unique_ptr<LinuxReceiver> linux_;
  static std::string whyNot_;
  std::uint16_t nextPort_ = 20000;
};

std::unique_ptr<LinuxReceiver> LinuxDifferential::linux_;
std::string LinuxDifferential::whyNot_;

/// Pieces that contradict each other. No piece ends where another may start: Linux may join two
/// held ones that touch, see HeldSegments.
std::vector<Piece> conflicting(std::mt19937& random, bool withFin) {
  std::vector<Piece> pieces(2 + random() % 10);
  char letter = 'A';
  for (Piece& piece : pieces) {
    piece.offset = static_cast<std::uint32_t>(random() % 12 * 4);
    piece.fin = withFin && random() % 5 == 0;
    do {
      piece.bytes.assign(1 + random() % 20, letter);
    } while (piece.end() % 4 == 0);
    ++letter;
  }
  return pieces;
}

TEST_F(LinuxDifferential, TheKnownConflict) {
  EXPECT_EQ(compare({{0, "AAAA"}, {8, "CCCC"}, {2, "xxBBBBxx"}, {12, "DD"}}), "AAAABBBBxxCCDD");
}

TEST_F(LinuxDifferential, RandomConflicts) {
  for (std::uint32_t seed = 0; seed < 800 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    compare(conflicting(random, false));
  }
}

TEST_F(LinuxDifferential, RandomConflictsOverWhereTheStreamEnds) {
  for (std::uint32_t seed = 0; seed < 800 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    compare(conflicting(random, true));
  }
}

}  // namespace
}  // namespace dormouse::reassembly
