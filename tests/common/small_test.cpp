// The small value types and helpers of common/.
#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <future>

#include "common/cgroup.h"
#include "common/event_loop.h"
#include "common/interfaces.h"
#include "common/ip.h"
#include "common/log.h"
#include "common/quote.h"
#include "common/reason.h"
#include "common/units.h"
#include "common/utf8.h"
#include "common/watchdog.h"
#include "support/capture_log.h"
#include "support/temp_dir.h"

namespace dormouse {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(IpTest, ParsesAndPrintsBothFamilies) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
    ASSERT_TRUE(IpAddress::parse(text)) << text;
    EXPECT_EQ(text, IpAddress::parse(text)->toString());
  }
  EXPECT_EQ(*IpAddress::parse("10.0.0.1"), *IpAddress::parse("::ffff:10.0.0.1"));
  for (const char* text : {"", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4 ",
                           ":::", "fe80::1%eth0", "[::1]", "host"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(IpTest, KnowsLoopbackAndUnspecified) {
  EXPECT_TRUE(IpAddress::parse("127.255.0.1")->isLoopback());
  EXPECT_TRUE(IpAddress::parse("::1")->isLoopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->isLoopback());
  EXPECT_FALSE(IpAddress::parse("::")->isLoopback());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->isUnspecified());
  EXPECT_TRUE(IpAddress::parse("::")->isUnspecified());
  EXPECT_FALSE(IpAddress::parse("::1")->isUnspecified());
}

TEST(NetworkTest, ContainsByPrefix) {
  const auto net = Network::parse("10.128.0.0/9");
  ASSERT_TRUE(net);
  EXPECT_TRUE(net->contains(*IpAddress::parse("10.128.0.0")));
  EXPECT_TRUE(net->contains(*IpAddress::parse("10.255.255.255")));
  EXPECT_FALSE(net->contains(*IpAddress::parse("10.127.255.255")));
  EXPECT_FALSE(Network::parse("10.0.0.0/8")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(Network::parse("0.0.0.0/0")->contains(*IpAddress::parse("1.2.3.4")));
  EXPECT_FALSE(Network::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(Network::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_EQ("10.0.0.1/32", Network::parse("10.0.0.1")->toString());
  EXPECT_EQ("2001:db8::/32", Network::parse("2001:db8::/32")->toString());
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129",
                           "10.0.0.0/-1", "10.0.0.0/8x"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

TEST(ReasonTest, EveryNameLeadsBackToItsReason) {
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(reason, parseReason(reasonName(reason)));
  }
  EXPECT_EQ(Reason::kRedactionNeedsHttp, parseReason("redaction-needs-http"));
  EXPECT_FALSE(parseReason("Gap"));
  EXPECT_FALSE(parseReason(""));
}

TEST(InterfacesTest, KnowsTheLoopbackAddress) {
  EXPECT_THAT(ownAddresses(), Contains(*IpAddress::parse("127.0.0.1")));
}

TEST(FormatTimeTest, IsWhatTheCLibrarySays) {
  // From 1970 to 2105, at every hour, minute, second and millisecond by and by.
  for (std::int64_t millis = 0; millis < 4'260'000'000'000; millis += 98'765'432'123) {
    const WallTime time{std::chrono::milliseconds(millis) + Nanos(999'999)};
    const std::time_t seconds = static_cast<std::time_t>(millis / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    const std::string decimals = std::to_string(1000 + millis % 1000).substr(1);
    EXPECT_EQ(formatTime(time), std::string(text.data()) + "." + decimals + "Z");
  }
}

TEST(Utf8Test, ReplacesWhatIsInvalidAndNothingElse) {
  EXPECT_EQ("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xad",
            toValidUtf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xad"));
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(bad + "x", toValidUtf8("\xffx"));
  EXPECT_EQ(bad + bad, toValidUtf8("\xc0\x80"));                      // Overlong.
  EXPECT_EQ(bad + bad + bad, toValidUtf8("\xed\xa0\x80"));            // A surrogate.
  EXPECT_EQ(bad + bad, toValidUtf8("\xe2\x82"));                      // Cut short.
  EXPECT_EQ(bad + bad + bad + bad, toValidUtf8("\xf4\x90\x80\x80"));  // Above U+10FFFF.
}

TEST(UnitsTest, Sizes) {
  EXPECT_EQ(0U, parseByteSize("0"));
  EXPECT_EQ(65536U, parseByteSize("64KiB"));
  EXPECT_EQ(8U << 20, parseByteSize("8MiB"));
  EXPECT_EQ(1U << 30, parseByteSize("1Gi"));
  for (const char* text : {"", "MiB", "8 MiB", "8MB", "8mib", "-1", "+1", "1.5MiB", "8MiBx",
                           "18446744073709551616", "17179869184GiB"}) {
    EXPECT_FALSE(parseByteSize(text)) << text;
  }
  EXPECT_EQ("8MiB", formatByteSize(8 << 20));
  EXPECT_EQ("1000", formatByteSize(1000));
}

TEST(QuoteTest, IsSafeForATerminalAndForAJsonString) {
  EXPECT_EQ("\"a????\"", inQuotes("a\n\x1b\"\xff"));
  EXPECT_EQ("\"a?b???\"", inQuotes("a\\b\n\xc3\xa9"));
  EXPECT_EQ("\"" + std::string(40, 'x') + "\"", inQuotes(std::string(40, 'x')));
  EXPECT_EQ("\"" + std::string(40, 'x') + "...\"", inQuotes(std::string(41, 'x')));
}

TEST(UnitsTest, Durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(Nanos(5ms), parseDuration("5ms"));
  EXPECT_EQ(Nanos(90min), parseDuration("1h30m"));
  EXPECT_EQ(Nanos(0), parseDuration("0"));
  for (const char* text : {"", "5", "ms", "5 ms", "1m1h", "1m1m", "-1s", "1.5s", "1d", "5M",
                           "9999999999h", "18446744073709551616ns"}) {
    EXPECT_FALSE(parseDuration(text)) << text;
  }
  for (const char* text : {"5ms", "1h30m", "1s500ms", "0s"}) {
    EXPECT_EQ(text, formatDuration(*parseDuration(text)));
  }
}

TEST(CgroupTest, TakesTheSmallestLimitOnTheWayUp) {
  test::TempDir root;
  root.write("proc/self/cgroup", "0::/kubepods/pod1/c1\n");
  root.write("sys/fs/cgroup/kubepods/pod1/c1/memory.max", "max\n");
  root.write("sys/fs/cgroup/kubepods/pod1/memory.max", "100663296\n");
  root.write("sys/fs/cgroup/kubepods/memory.max", "200000000\n");
  EXPECT_EQ(100663296U, cgroupMemoryLimit(root.string()));
}

TEST(CgroupTest, InsideAContainerThePathMayBeTheHosts) {
  test::TempDir root;
  root.write("proc/self/cgroup", "0::/host/path/that/is/not/here\n");
  root.write("sys/fs/cgroup/memory.max", "1000\n");
  EXPECT_EQ(1000U, cgroupMemoryLimit(root.string()));
  root.write("proc/self/cgroup", "0::/../../escape\n");
  root.write("sys/escape/memory.max", "1\n");
  EXPECT_EQ(1000U, cgroupMemoryLimit(root.string()));
}

TEST(CgroupTest, ReadsVersion1AndItsUnlimited) {
  test::TempDir root;
  root.write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n");
  root.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(std::nullopt, cgroupMemoryLimit(root.string()));
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n");
  EXPECT_EQ(33554432U, cgroupMemoryLimit(root.string()));
}

TEST(CgroupTest, NothingThereOrNonsenseIsNoLimit) {
  test::TempDir root;
  EXPECT_EQ(std::nullopt, cgroupMemoryLimit(root.string()));
  root.write("proc/self/cgroup", "nonsense\n0\n0:\n0::/\n");
  root.write("sys/fs/cgroup/memory.max", "12x\n");
  EXPECT_EQ(std::nullopt, cgroupMemoryLimit(root.string()));
}

TEST(LogTest, WritesOneJsonObjectPerLine) {
  test::CaptureLog capture(LogLevel::kInfo);
  capture.log.debug("dropped");
  capture.log.info("two\nlines \"quoted\" \xff",
                   {{"n", 7}, {"s", std::string("x\ty")}, {"b", true}});
  ASSERT_THAT(capture.lines(), SizeIs(1));
  EXPECT_EQ(
      "{\"time\":\"2019-12-20T00:00:00.000Z\",\"level\":\"info\","
      "\"message\":\"two\\nlines \\\"quoted\\\" "
      "\xef\xbf\xbd\",\"n\":7,\"s\":\"x\\ty\",\"b\":true}\n",
      capture.lines()[0]);
}

TEST(LogTest, AFailingOutputHarmsNobody) {
  const SystemClock clock;
  const Log log(LogLevel::kDebug, clock, [](std::string_view) { throw 1; });
  log.error("lost");
}

TEST(WatchdogTest, CallsInOrderOfDeadlinesAndAgainWhereAsked) {
  Watchdog watchdog;
  std::string order;
  std::promise<void> done;
  const TimePoint now = Watchdog::now();
  const auto ms = [](int n) { return std::chrono::milliseconds(n); };
  int left = 2;
  watchdog.schedule(now + ms(60), [&] {
    order += 'c';
    done.set_value();
    return TimePoint::max();
  });
  watchdog.schedule(now + ms(10), [&] {
    order += 'a';
    return --left == 0 ? TimePoint::max() : now + ms(30);
  });
  watchdog.schedule(now + ms(20), [&] {
    order += 'b';
    return TimePoint::max();
  });
  ASSERT_EQ(std::future_status::ready, done.get_future().wait_for(std::chrono::seconds(10)));
  EXPECT_EQ("abac", order);
}

TEST(WatchdogTest, ACancelledTaskIsNotCalledAndAnUnknownIdIsIgnored) {
  Watchdog watchdog;
  std::promise<void> done;
  bool called = false;
  const TimePoint now = Watchdog::now();
  // Late enough to be cancelled in time on a machine that stalls.
  const auto id = watchdog.schedule(now + std::chrono::milliseconds(1000), [&] {
    called = true;
    return TimePoint::max();
  });
  watchdog.cancel(id);
  watchdog.cancel(id);
  watchdog.cancel(4711);
  watchdog.schedule(now + std::chrono::milliseconds(1001), [&] {
    done.set_value();
    return TimePoint::max();
  });
  ASSERT_EQ(std::future_status::ready, done.get_future().wait_for(std::chrono::seconds(10)));
  EXPECT_FALSE(called);
}

class Reader final : public EventHandler {
 public:
  explicit Reader(EventLoop& loop) : loop_(loop) {}
  void onEvents(std::uint32_t events) override {
    ++calls;
    last = events;
    if (removeOnEvent >= 0) loop_.remove(removeOnEvent);
  }
  int calls = 0;
  std::uint32_t last = 0;
  int removeOnEvent = -1;

 private:
  EventLoop& loop_;
};

TEST(EventLoopTest, CallsReadyHandlersAndNoneThatWasRemovedInTheSameRound) {
  std::array<int, 2> a{};
  std::array<int, 2> b{};
  ASSERT_EQ(0, ::pipe(a.data()));
  ASSERT_EQ(0, ::pipe(b.data()));
  EventLoop loop;
  Reader first(loop);
  Reader second(loop);
  loop.add(a[0], EPOLLIN, first);
  loop.add(b[0], EPOLLIN, second);
  const SystemClock clock;
  EXPECT_EQ(0, loop.poll(clock.now(), clock));
  ASSERT_EQ(1, ::write(a[1], "x", 1));
  EXPECT_EQ(1, loop.poll(TimePoint::max(), clock));
  EXPECT_EQ(1, first.calls);
  EXPECT_NE(0U, first.last & EPOLLIN);
  EXPECT_EQ(1, loop.poll(clock.now(), clock)) << "level-triggered: still readable";
  // Each removes the other: whichever comes first must be the only one.
  ASSERT_EQ(1, ::write(b[1], "x", 1));
  first.removeOnEvent = b[0];
  second.removeOnEvent = a[0];
  EXPECT_EQ(1, loop.poll(TimePoint::max(), clock));
  EXPECT_EQ(3, first.calls + second.calls);
  for (const int fd : {a[0], a[1], b[0], b[1]}) ::close(fd);
}

TEST(EventLoopTest, ChangeSilencesAndReportsHangUp) {
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::pipe(ends.data()));
  EventLoop loop;
  Reader reader(loop);
  loop.add(ends[0], EPOLLIN, reader);
  ASSERT_EQ(1, ::write(ends[1], "x", 1));
  loop.change(ends[0], 0);
  const SystemClock clock;
  EXPECT_EQ(0, loop.poll(clock.now(), clock));
  ::close(ends[1]);
  EXPECT_EQ(1, loop.poll(TimePoint::max(), clock));
  EXPECT_NE(0U, reader.last & EPOLLHUP);
  ::close(ends[0]);
}

}  // namespace
}  // namespace dormouse
