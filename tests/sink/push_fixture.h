// A push sink against real sockets on loopback.
#pragma once

#include <netinet/tcp.h>

#include <memory>
#include <string>

#include "mirror/own_sockets.h"
#include "sink/push_sink.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink::test {

class PushTest : public SinkTest {
 protected:
  void start(const std::string& to, PushOptions options = {},
             TargetPolicy policy = allow({"127.0.0.0/8", "::1"})) {
    auto target = std::make_unique<Target>(to, std::move(policy), resolver_, executor_, clock_);
    sink_ = std::make_unique<PushSink>(loop_, clock_, std::move(target), own_, recorder_, options);
  }
  /// Opens a connection and returns its other end once both know that they are connected.
  Fd openConnected(LocalPort& server, mirror::ConnectionHandle handle) {
    EXPECT_EQ(open(*sink_, handle), Reason::kNone);
    Fd peer = server.accept();
    drainEvents();
    return peer;
  }
  /// Makes the kernel acknowledge at once what it has received, and not up to 40 ms later.
  static void acknowledge(const Fd& peer) {
    const int on = 1;
    setsockopt(peer.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
  /// Runs the loop until the connection has a fate.
  Reason awaitFate(mirror::ConnectionHandle handle) {
    runUntil([&] { return recorder_.fate(handle).has_value(); });
    return recorder_.fate(handle).value_or(Reason::kNone);
  }
  /// The batch is over; reads until the other end has ended or reset, the loop running meanwhile.
  Received readToEnd(const Fd& fd) {
    Received all;
    if (sink_) sink_->flush(clock_.now());
    runUntil([&] {
      readSome(fd.get(), all);
      return all.ended || all.reset;
    });
    return all;
  }
  void readUntil(const Fd& fd, Received& all, std::size_t size) {
    runUntil([&] {
      readSome(fd.get(), all);
      return all.bytes.size() >= size;
    });
  }
  void finish() {
    sink_->finish([] { return std::string(); });
  }

  mirror::OwnSockets own_{clock_};
  std::shared_ptr<FakeResolver> resolver_ = std::make_shared<FakeResolver>();
  ManualExecutor executor_;
  std::unique_ptr<PushSink> sink_;
};

}  // namespace dormouse::sink::test
