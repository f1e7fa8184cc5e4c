#include "sink/push_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/sink/push_fixture.h"

namespace dormouse::sink {
namespace {

using std::chrono::seconds;
using test::Fd;
using test::LocalPort;
using test::Received;

class PushSinkTest : public test::PushTest {};

TEST_F(PushSinkTest, CopiesAConnectionAndEndsItInAnOrderlyWay) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "GET / "), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "HTTP/1.1\r\n"), Reason::kNone);
  Fd peer = server.accept();
  close(*sink_, 0);
  const Received all = readToEnd(peer);
  EXPECT_EQ(all.bytes, "GET / HTTP/1.1\r\n");
  EXPECT_TRUE(all.ended);
  sink_->flush(clock_.now());
  EXPECT_FALSE(recorder_.fate(0)) << "the other side is not done yet";
  peer.close();
  EXPECT_EQ(awaitFate(0), Reason::kNone);
  EXPECT_EQ(sink_->connections(), 0U);
}

TEST_F(PushSinkTest, ACutConnectionEndsByAReset) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "half a requ"), Reason::kNone);
  Fd peer = server.accept();
  close(*sink_, 0, Reason::kGap);
  EXPECT_TRUE(recorder_.fates.empty());
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(0), Reason::kGap);
  const Received all = readToEnd(peer);
  EXPECT_TRUE(all.reset);
  EXPECT_FALSE(all.ended);
}

TEST_F(PushSinkTest, WhatWasSentBeforeARefusalIsDelivered) {
  LocalPort server;
  PushOptions options;
  options.budget = 64 << 10;
  options.sendBuffer = 4096;
  start(server.text(), options);
  const Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Reason::kNone);
  sink_->endRequest({0, 1}, {});
  Reason refused = Reason::kNone;
  for (int i = 0; i < 100 && refused == Reason::kNone; ++i) {
    refused = data(*sink_, 0, std::string(1 << 20, 'x'));
  }
  EXPECT_EQ(refused, Reason::kOverBudget);
  ASSERT_EQ(recorder_.requests.size(), 1U);
  EXPECT_EQ(recorder_.requests[0], (std::pair{mirror::ConnectionHandle{0}, Reason::kNone}));
}

TEST_F(PushSinkTest, NothingListens) {
  LocalPort server(SOCK_STREAM, false);
  start(server.text());
  if (open(*sink_, 0) == Reason::kNone) {  // Where the kernel does not say so at once.
    EXPECT_EQ(awaitFate(0), Reason::kSinkRefused);
  }
  EXPECT_EQ(sink_->trouble(), "nothing listens on " + server.text());
  EXPECT_EQ(sink_->failures().refused, 1U);
  EXPECT_EQ(sink_->connections(), 0U);
}

TEST_F(PushSinkTest, ATargetThatDoesNotAnswerTimesOut) {
  // A listener whose queue is full drops handshakes: one place, taken by the first of these.
  LocalPort server;
  ASSERT_EQ(::listen(server.fd(), 0), 0);
  start(server.text());
  mirror::ConnectionHandle count = 0;
  while (true) {
    ASSERT_EQ(open(*sink_, count), Reason::kNone);
    ASSERT_LT(++count, 50U);
    if (sink_->flush(clock_.now()) != TimePoint::max()) break;  // It waits for the handshake.
  }
  const mirror::ConnectionHandle waiting = count - 1;
  ASSERT_EQ(data(*sink_, waiting, "queued"), Reason::kNone);
  clock_.advance(seconds(10) - Nanos(1));
  EXPECT_EQ(sink_->flush(clock_.now()), clock_.now() + Nanos(1));
  EXPECT_FALSE(recorder_.fate(waiting));
  clock_.advance(Nanos(1));
  EXPECT_EQ(sink_->flush(clock_.now()), TimePoint::max());
  EXPECT_EQ(recorder_.fate(waiting), Reason::kSinkRefused);
  EXPECT_EQ(sink_->trouble(), server.text() + " does not answer");
  EXPECT_EQ(sink_->failures().timedOut, 1U);
}

TEST_F(PushSinkTest, BytesQueuedForASlowReaderArriveWhole) {
  LocalPort server(SOCK_STREAM, true, 2048);
  PushOptions options;
  options.sendBuffer = 2048;
  start(server.text(), options);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string part(static_cast<std::size_t>(1 + i * 7 % 3000),
                           static_cast<char>('a' + i % 26));
    ASSERT_EQ(data(*sink_, 0, part), Reason::kNone);
    sent += part;
  }
  close(*sink_, 0);
  Fd peer = server.accept();
  Received all;
  runUntil([&] {
    test::readSome(peer.get(), all, 777);
    return all.ended;
  });
  EXPECT_TRUE(all.bytes == sent);
  peer.close();
  EXPECT_EQ(awaitFate(0), Reason::kNone);
}

TEST_F(PushSinkTest, TheBudgetShedsAWholeConnectionByAReset) {
  LocalPort server(SOCK_STREAM, true, 2048);
  PushOptions options;
  options.sendBuffer = 2048;
  options.budget = 100'000;
  start(server.text(), options);
  Fd stalled = openConnected(server, 0);
  Reason reason = Reason::kNone;
  std::size_t taken = 0;
  while ((reason = data(*sink_, 0, std::string(1000, 'x'))) == Reason::kNone) taken += 1000;
  EXPECT_EQ(reason, Reason::kOverBudget);
  EXPECT_GT(taken, 90'000U);
  EXPECT_TRUE(readToEnd(stalled).reset);
  // Its memory is free again.
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  for (std::size_t i = 0; i < 50; ++i) {
    ASSERT_EQ(data(*sink_, 0, std::string(1000, 'x')), Reason::kNone);
  }
  sink_->flush(clock_.now());
  EXPECT_TRUE(recorder_.fates.empty()) << "told by the call itself";
}

TEST_F(PushSinkTest, AServerThatResetsClosesTheConnection) {
  LocalPort server;
  start(server.text());
  Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "x"), Reason::kNone);
  peer.reset();
  EXPECT_EQ(awaitFate(0), Reason::kSinkClosed);
}

TEST_F(PushSinkTest, AServerThatResetsRightAfterTheHandshakeHasNotRefused) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  server.accept().reset();
  EXPECT_EQ(awaitFate(0), Reason::kSinkClosed);
  EXPECT_EQ(sink_->trouble(), "");
}

TEST_F(PushSinkTest, AServerThatWentAwayIsNoticedByTheWrite) {
  LocalPort server;
  start(server.text());
  openConnected(server, 0).reset();
  const Reason reason = data(*sink_, 0, std::string(64 << 10, 'x'));
  EXPECT_EQ(reason, Reason::kSinkClosed);
  sink_->flush(clock_.now());
  EXPECT_TRUE(recorder_.fates.empty()) << "told by the call itself";
}

TEST_F(PushSinkTest, AServerThatOnlyEndsItsOwnSideStillGetsEverything) {
  LocalPort server;
  start(server.text());
  Fd peer = openConnected(server, 0);
  ASSERT_EQ(data(*sink_, 0, "first "), Reason::kNone);
  ::shutdown(peer.get(), SHUT_WR);
  const SystemClock real;
  runUntil([&] { return loop_.poll(real.now(), real) > 0; });
  EXPECT_EQ(loop_.poll(real.now(), real), 0) << "its end must be told once, not without end";
  EXPECT_FALSE(recorder_.fate(0));
  ASSERT_EQ(data(*sink_, 0, "second"), Reason::kNone);
  close(*sink_, 0);
  const Received all = readToEnd(peer);
  EXPECT_EQ(all.bytes, "first second");
  EXPECT_TRUE(all.ended);
  if (!recorder_.fate(0)) sink_->flush(clock_.now());
  EXPECT_EQ(awaitFate(0), Reason::kNone);
}

TEST_F(PushSinkTest, AnswersAreThrownAwayAFewAtATime) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  Fd peer = server.accept();
  fcntl(peer.get(), F_SETFL, O_NONBLOCK);
  const std::string answer(256 << 10, 'a');
  const SystemClock real;
  std::size_t written = 0;
  std::size_t most = 0;
  runUntil([&] {
    const ssize_t n = ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (n > 0) written += static_cast<std::size_t>(n);
    int before = 0;
    for (int calls = 0; calls < 4; ++calls) before += loop_.poll(real.now(), real);
    most = std::max(most, static_cast<std::size_t>(before));
    return written > (8U << 20);
  });
  EXPECT_EQ(most, 4U) << "one round does not read everything there is";
  close(*sink_, 0);
  peer.close();
  EXPECT_TRUE(awaitFate(0) == Reason::kNone);
}

TEST_F(PushSinkTest, TakesAsManyConnectionsAsAllowed) {
  LocalPort server;
  PushOptions options;
  options.maxConnections = 2;
  start(server.text(), options);
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  EXPECT_EQ(open(*sink_, 2), Reason::kOverBudget);
  close(*sink_, 0, Reason::kIdle);
  sink_->flush(clock_.now());
  EXPECT_EQ(open(*sink_, 2), Reason::kNone);
}

TEST_F(PushSinkTest, ItsLocalEndsAreKnownWhileTheyAreOpenAndAWhileLonger) {
  LocalPort server;
  start(server.text());
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  Fd peer = server.accept();
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(getpeername(peer.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const Endpoint local{*IpAddress::parse("127.0.0.1"), ntohs(address.sin_port)};
  EXPECT_TRUE(own_.contains(local));
  close(*sink_, 0, Reason::kGap);
  // Its packets may still lie in another mirror's ring.
  EXPECT_TRUE(own_.contains(local));
  clock_.advance(mirror::OwnSockets::kRemembered);
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  EXPECT_FALSE(own_.contains(local));
}

TEST_F(PushSinkTest, WithoutDescriptorsConnectionsAreRefusedAndCounted) {
  LocalPort server;
  start(server.text());
  // One that succeeds first: the sanitizers' own checks need descriptors the first time.
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Reason reason = open(*sink_, 1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(reason, Reason::kSinkRefused);
  EXPECT_EQ(sink_->failures().resources, 1U);
  EXPECT_NE(sink_->trouble().find("no sockets left"), std::string_view::npos);
}

TEST_F(PushSinkTest, TheNextConnectionTakesTheNextAddress) {
  LocalPort server;  // On 127.0.0.1 alone.
  resolver_->names["web"] = {"127.0.0.2", "127.0.0.1"};
  start("web:" + std::to_string(server.port()));
  if (open(*sink_, 0) == Reason::kNone) {
    EXPECT_EQ(awaitFate(0), Reason::kSinkRefused);
  }
  EXPECT_EQ(sink_->trouble(),
            "nothing listens on web:" + std::to_string(server.port()) + " (127.0.0.2)");
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  ASSERT_EQ(data(*sink_, 1, "x"), Reason::kNone);
  Received all;
  readUntil(server.accept(), all, 1);
}

TEST_F(PushSinkTest, ConnectionsAreRefusedOnceTheNameLeavesTheAllowedNetworks) {
  LocalPort server;
  resolver_->names["web"] = {"127.0.0.1"};
  start("web:" + std::to_string(server.port()));
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  resolver_->names["web"] = {"192.0.2.1"};
  clock_.advance(seconds(6));
  ASSERT_EQ(open(*sink_, 1), Reason::kNone);
  executor_.runAll();
  EXPECT_EQ(open(*sink_, 2), Reason::kSinkRefused);
  EXPECT_EQ(sink_->failures().notAllowed, 1U);
  EXPECT_NE(sink_->trouble().find("192.0.2.1"), std::string_view::npos);
}

TEST_F(PushSinkTest, Ipv6) {
  const Fd listener(::socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    GTEST_SKIP() << "this machine has no IPv6 loopback";
  }
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  start("[::1]:" + std::to_string(ntohs(address.sin6_port)));
  ASSERT_EQ(open(*sink_, 0), Reason::kNone);
  ASSERT_EQ(data(*sink_, 0, "six"), Reason::kNone);
  test::waitReadable(listener.get());
  const Fd peer(::accept(listener.get(), nullptr, nullptr));
  Received all;
  readUntil(peer, all, 3);
  EXPECT_EQ(all.bytes, "six");
}

}  // namespace
}  // namespace dormouse::sink
