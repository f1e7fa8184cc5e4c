// What a system call means before it has happened.
#include "client/follow/notice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace dormouse::follow {
namespace {

constexpr std::uint32_t kNative = 1;
constexpr std::uint32_t kMuxed = 2;
const std::vector<CallNumbers> kNumbers = {{kNative, 50, 49, -101}, {kMuxed, 363, 361, 102}};

/// Memory in which some addresses hold bytes.
class Bytes {
 public:
  void put(std::uint64_t address, std::vector<std::uint8_t> bytes) {
    bytes_[address] = std::move(bytes);
  }
  Memory memory() const {
    return [this](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
      const auto found = bytes_.find(address);
      if (found == bytes_.end()) return 0;
      const std::size_t count = std::min(into.size(), found->second.size());
      std::copy_n(found->second.begin(), count, into.begin());
      return count;
    };
  }

 private:
  std::map<std::uint64_t, std::vector<std::uint8_t>> bytes_;
};

SystemCall call(std::int64_t number, std::array<std::uint64_t, 6> arguments,
                std::uint32_t arch = kNative) {
  return {arch, number, arguments};
}

TEST(Notice, ListenNamesItsDescriptor) {
  const Notice notice = noticeOf(call(50, {7, 128}), kNumbers, Bytes().memory());
  EXPECT_EQ(notice.kind, Notice::Kind::kListen);
  EXPECT_EQ(notice.fd, 7);
}

TEST(Notice, TheKernelLooksAtTheLowerHalfOfADescriptor) {
  EXPECT_EQ(noticeOf(call(50, {0xffffffff00000007, 1}), kNumbers, Bytes().memory()).fd, 7);
  EXPECT_EQ(noticeOf(call(50, {0xffffffff, 1}), kNumbers, Bytes().memory()).kind,
            Notice::Kind::kNothing);
}

TEST(Notice, BindTellsTheFamilyAndThePort) {
  Bytes bytes;
  bytes.put(100, {2, 0, 0x0b, 0xb8, 127, 0, 0, 1});
  bytes.put(200, {10, 0, 0, 0});
  bytes.put(300, {1, 0, '/', 't'});  // AF_UNIX
  const Notice four = noticeOf(call(49, {3, 100, 16}), kNumbers, bytes.memory());
  EXPECT_EQ(four.kind, Notice::Kind::kBind);
  EXPECT_EQ(four.fd, 3);
  EXPECT_EQ(four.port, 3000);
  EXPECT_EQ(noticeOf(call(49, {3, 200, 28}), kNumbers, bytes.memory()).port, 0);
  EXPECT_EQ(noticeOf(call(49, {3, 300, 110}), kNumbers, bytes.memory()).kind,
            Notice::Kind::kNothing);
}

TEST(Notice, ABindThatCannotBeReadHasNoPort) {
  Bytes bytes;
  bytes.put(100, {2, 0, 1});  // Cut by the end of the mapping.
  for (const std::uint64_t address : {100ULL, 999ULL}) {
    const Notice notice = noticeOf(call(49, {3, address, 16}), kNumbers, bytes.memory());
    EXPECT_EQ(notice.kind, Notice::Kind::kBind);
    EXPECT_FALSE(notice.port);
  }
}

TEST(Notice, ABindTooShortForAPortIsNothing) {
  Bytes bytes;
  bytes.put(100, {2, 0, 1, 1});
  EXPECT_EQ(noticeOf(call(49, {3, 100, 12}), kNumbers, bytes.memory()).kind,
            Notice::Kind::kNothing);
}

TEST(Notice, SocketcallHasItsArgumentsInMemory) {
  Bytes bytes;
  bytes.put(100, {5, 0, 0, 0, 200, 0, 0, 0, 16, 0, 0, 0});
  bytes.put(200, {2, 0, 0, 80});
  const Notice bound = noticeOf(call(102, {2, 100}, kMuxed), kNumbers, bytes.memory());
  EXPECT_EQ(bound.kind, Notice::Kind::kBind);
  EXPECT_EQ(bound.fd, 5);
  EXPECT_EQ(bound.port, 80);
  EXPECT_EQ(noticeOf(call(102, {4, 100}, kMuxed), kNumbers, bytes.memory()).kind,
            Notice::Kind::kListen);
  EXPECT_EQ(noticeOf(call(102, {3, 100}, kMuxed), kNumbers, bytes.memory()).kind,
            Notice::Kind::kNothing);
  EXPECT_EQ(noticeOf(call(102, {4, 999}, kMuxed), kNumbers, bytes.memory()).kind,
            Notice::Kind::kNothing);
}

TEST(Notice, OtherNumbersAndArchitecturesAreNothing) {
  for (const SystemCall& other :
       {call(51, {3}), call(-101, {4, 100}), call(50, {3}, 9), call(50, {3}, kMuxed)}) {
    EXPECT_EQ(noticeOf(other, kNumbers, Bytes().memory()).kind, Notice::Kind::kNothing);
  }
}

}  // namespace
}  // namespace dormouse::follow
