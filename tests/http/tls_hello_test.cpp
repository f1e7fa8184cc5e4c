#include "http/tls_hello.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace dormouse::http {
namespace {

using Answer = TlsHello::Answer;

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

const std::string kHello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9);

TEST(TlsHello, RecognisesAClientHelloInOnePiece) {
  TlsHello hello;
  EXPECT_EQ(hello.feed(bytes(kHello)), Answer::kTls);
}

TEST(TlsHello, RecognisesItByteByByteAndHoldsWhatItTook) {
  TlsHello hello;
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_EQ(hello.feed(bytes(kHello).subspan(i, 1)), Answer::kUndecided) << i;
    ASSERT_EQ(hello.held().size(), i + 1);
  }
  EXPECT_EQ(hello.feed(bytes(kHello).subspan(5, 1)), Answer::kTls);
}

TEST(TlsHello, OtherProtocolsAreDecidedByTheirFirstByte) {
  for (const std::string_view start : {"G", "P", "\n", "S", "*", "\x15"}) {
    TlsHello hello;
    EXPECT_EQ(hello.feed(bytes(start)), Answer::kOther) << start;
    EXPECT_TRUE(hello.held().empty());
  }
}

TEST(TlsHello, EveryByteCounts) {
  const std::string_view others[] = {
      std::string_view("\x16\x02\x01\x02\x00\x01", 6),  // SSL 2.
      std::string_view("\x16\x03\x05\x02\x00\x01", 6),  // No such version.
      std::string_view("\x16\x03\x01\x40\x01\x01", 6),  // Longer than a record may be.
      std::string_view("\x16\x03\x01\x00\x03\x01", 6),  // Shorter than a message's header.
      std::string_view("\x16\x03\x01\x02\x00\x02", 6),  // A ServerHello.
  };
  for (const std::string_view other : others) {
    TlsHello hello;
    EXPECT_EQ(hello.feed(bytes(other)), Answer::kOther);
  }
}

TEST(TlsHello, BytesThatDecideAreNotHeld) {
  TlsHello hello;
  ASSERT_EQ(hello.feed(bytes("\x16\x03")), Answer::kUndecided);
  EXPECT_EQ(hello.feed(bytes("xyz")), Answer::kOther);
  EXPECT_EQ(hello.held().size(), 2U);
}

}  // namespace
}  // namespace dormouse::http
