#include "sink/push_flow.h"

#include <gtest/gtest.h>

#include "tests/sink/push_fixture.h"

namespace dormouse::sink {
namespace {

using test::LocalPort;

class PushFlowTest : public test::PushTest {
 protected:
  std::string receive(const LocalPort& server, sockaddr_in* from = nullptr) {
    test::waitReadable(server.fd());
    std::vector<char> buffer(70'000);
    socklen_t size = sizeof(sockaddr_in);
    const ssize_t n = ::recvfrom(server.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(from), from ? &size : nullptr);
    EXPECT_GE(n, 0);
    return std::string(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  }
};

TEST_F(PushFlowTest, EachDatagramStaysOne) {
  LocalPort server(SOCK_DGRAM);
  start(server.text());
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "one"), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, ""), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, std::string(60'000, 'x')), Reason::kNone);
  EXPECT_EQ(receive(server), "one");
  EXPECT_EQ(receive(server), "");
  EXPECT_EQ(receive(server), std::string(60'000, 'x'));
  close(*sink_, 0);
  EXPECT_FALSE(recorder_.fate(0));
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kNone);
}

TEST_F(PushFlowTest, FlowsHaveSocketsOfTheirOwn) {
  LocalPort server(SOCK_DGRAM);
  start(server.text());
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(open(*sink_, 1, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "a"), Reason::kNone);
  ASSERT_EQ(data(*sink_, 1, "b"), Reason::kNone);
  sockaddr_in first{};
  sockaddr_in second{};
  receive(server, &first);
  receive(server, &second);
  EXPECT_NE(first.sin_port, second.sin_port);
  EXPECT_TRUE(own_.contains(Endpoint{*IpAddress::parse("127.0.0.1"), ntohs(first.sin_port)}));
}

TEST_F(PushFlowTest, AnIcmpRefusalEndsTheFlow) {
  std::string nobody;
  {
    LocalPort server(SOCK_DGRAM);
    nobody = server.text();
  }
  start(nobody);
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  EXPECT_EQ(awaitFate(0), Reason::kSinkRefused);
  EXPECT_EQ(sink_->trouble(), "nothing listens on " + nobody);
  EXPECT_EQ(sink_->connections(), 0U);
}

TEST_F(PushFlowTest, ARefusalThatCameBeforeTheEndCounts) {
  std::string nobody;
  {
    LocalPort server(SOCK_DGRAM);
    nobody = server.text();
  }
  start(nobody);
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);  // Refused on loopback before this returns.
  ASSERT_EQ(open(*sink_, 1, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 1, "x"), Reason::kNone);
  EXPECT_EQ(data(*sink_, 1, "y"), Reason::kSinkRefused);
  close(*sink_, 0);
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkRefused);
  EXPECT_FALSE(recorder_.fate(1));
}

TEST_F(PushFlowTest, AnswersAreThrownAway) {
  LocalPort server(SOCK_DGRAM);
  start(server.text());
  ASSERT_EQ(open(*sink_, 0, wire::Protocol::kUdp), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  sockaddr_in from{};
  receive(server, &from);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(
        ::sendto(server.fd(), "answer", 6, 0, reinterpret_cast<sockaddr*>(&from), sizeof from), 6);
  }
  const SystemClock real;
  int events = 0;
  while (loop_.poll(real.now(), real) > 0) ASSERT_LT(++events, 10);
  EXPECT_EQ(events, 3) << "forty answers, sixteen at a time";
  EXPECT_FALSE(recorder_.fate(0));
}

}  // namespace
}  // namespace dormouse::sink
