// The promise to the developer, under random scripts: of a connection that is reported delivered
// the receiver has exactly the bytes; no other one ever looks complete to it.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "sink/frames_sink.h"
#include "tests/sink/frame_log.h"
#include "tests/sink/push_fixture.h"

namespace dormouse::sink {
namespace {

using test::Received;

std::string payload(std::mt19937& random) {
  std::string text(random() % 3 == 0 ? random() % 20'000 : random() % 300, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

/// A mirrored connection as the mirror knows it.
struct Original {
  mirror::ConnectionHandle handle = 0;
  std::string bytes;
  bool live = false;           // Not closed, not refused.
  std::optional<Reason> fate;  // As told.
};

class DeliveryTest : public test::PushTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  void collect(std::vector<Original>& all) {
    for (const auto& [handle, fate] : recorder_.fates) {
      for (Original& one : all) {
        if (one.handle != handle || one.fate) continue;
        one.fate = fate;
        one.live = false;
      }
    }
  }
  /// One step of a script: opens, feeds or closes something. Handles are not used again.
  void step(mirror::Sink& sink, std::mt19937& random, std::vector<Original>& all) {
    std::vector<std::size_t> live;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].live) live.push_back(i);
    }
    if (live.empty() || (random() % 8 == 0 && all.size() < 40)) {
      Original one;
      one.handle = static_cast<mirror::ConnectionHandle>(all.size());
      const Reason reason = open(sink, one.handle);
      one.live = reason == Reason::kNone;
      if (reason != Reason::kNone) one.fate = reason;
      all.push_back(one);
      return;
    }
    Original& one = all[live[random() % live.size()]];
    const auto choice = random() % 12;
    if (choice < 10) {
      const std::string text = payload(random);
      const Reason reason = data(sink, one.handle, text);
      if (reason == Reason::kNone) {
        one.bytes += text;
      } else {
        one.fate = reason;
        one.live = false;
      }
    } else {
      one.live = false;
      close(sink, one.handle, choice == 10 ? Reason::kNone : Reason::kGap);
    }
  }
};

TEST_P(DeliveryTest, Frames) {
  std::mt19937 random(GetParam());
  test::Stream stream = test::makeStream(16 << 10);
  FramesSink sink(loop_, std::move(stream.writer), recorder_,
                  StreamOptions{(16U << 10) + random() % (128U << 10), std::chrono::seconds(5)});
  std::vector<Original> all;
  test::FrameLog log;
  Received received;
  bool readerLeft = false;
  for (int i = 0; i < 800; ++i) {
    step(sink, random, all);
    if (random() % 4 == 0) sink.flush(clock_.now());
    if (random() % 2 == 0 && !readerLeft) {
      test::readSome(stream.reader.get(), received, 1 + random() % 30'000);
    }
    if (random() % 8 == 0) drainEvents();
    collect(all);
    if (GetParam() % 4 == 0 && i == 600) {
      stream.reader.close();
      readerLeft = true;
    }
  }
  for (Original& one : all) {
    if (std::exchange(one.live, false)) close(sink, one.handle);
  }
  runUntil([&] {
    sink.flush(clock_.now());
    if (!readerLeft) test::readSome(stream.reader.get(), received, 5000);
    collect(all);
    return std::all_of(all.begin(), all.end(), [](const Original& one) { return one.fate; });
  });
  sink.finish([] { return std::string("{}"); });
  runUntil([&] {
    sink.flush(clock_.now());
    if (!readerLeft) test::readSome(stream.reader.get(), received);
    return sink.done();
  });
  collect(all);
  while (!readerLeft && !received.ended) test::readSome(stream.reader.get(), received);
  log.feed(received.bytes);

  std::size_t delivered = 0;
  for (const Original& one : all) {
    ASSERT_TRUE(one.fate) << one.handle;
    // The client's port carries the handle.
    const wire::OpenFrame* opened = nullptr;
    for (const auto& [number, frame] : log.opened) {
      if (frame.client.port == one.handle + 1) opened = &frame;
    }
    const bool complete = opened != nullptr && log.closed.count(opened->connection) != 0 &&
                          log.closed[opened->connection].reason == Reason::kNone;
    if (*one.fate == Reason::kNone) {
      ++delivered;
      if (readerLeft) continue;  // What it had not read is lost with it.
      ASSERT_TRUE(complete) << one.handle;
      ASSERT_TRUE(log.bytes[opened->connection] == one.bytes) << one.handle;
    } else {
      ASSERT_FALSE(complete) << one.handle << " " << reasonName(*one.fate);
    }
  }
  EXPECT_GT(delivered, 0U) << "a script that delivers nothing proves nothing";
}

TEST_P(DeliveryTest, Push) {
  std::mt19937 random(GetParam());
  test::LocalPort server(SOCK_STREAM, true, 8192);
  PushOptions options;
  options.budget = (16U << 10) + random() % (256U << 10);
  options.sendBuffer = 8192;
  options.maxConnections = 30;
  start(server.text(), options);

  struct Peer {
    test::Fd fd;
    Received received;
    std::uint16_t port = 0;
  };
  std::vector<Peer> peers;
  std::vector<Original> all;
  std::map<std::uint16_t, mirror::ConnectionHandle> handles;  // By the push connection's port.
  fcntl(server.fd(), F_SETFL, O_NONBLOCK);
  const auto serve = [&](bool patient) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const int fd = ::accept(server.fd(), reinterpret_cast<sockaddr*>(&from), &size);
    if (fd >= 0) {
      peers.push_back(Peer{test::Fd(fd), {}, ntohs(from.sin_port)});
    }
    for (Peer& peer : peers) {
      if (peer.fd.get() < 0) continue;
      if (patient || random() % 4 == 0) {
        test::readSome(peer.fd.get(), peer.received, 1 + random() % 20'000);
      }
      if (peer.received.ended || peer.received.reset) peer.fd.close();
      if (!patient && peer.fd.get() >= 0 && random() % 400 == 0) {
        // Whatever its kernel has received, it has received and acknowledged.
        std::size_t before = 0;
        do {
          before = peer.received.bytes.size();
          test::readSome(peer.fd.get(), peer.received);
        } while (peer.received.bytes.size() != before);
        acknowledge(peer.fd);
        peer.fd.reset();
      }
    }
  };
  for (int i = 0; i < 800; ++i) {
    step(*sink_, random, all);
    if (random() % 4 == 0) sink_->flush(clock_.now());
    if (random() % 2 == 0) serve(false);
    if (random() % 2 == 0) drainEvents();
    collect(all);
  }
  for (Original& one : all) {
    if (std::exchange(one.live, false)) close(*sink_, one.handle);
  }
  runUntil([&] {
    sink_->flush(clock_.now());
    serve(true);
    collect(all);
    return sink_->connections() == 0;
  });
  finish();
  collect(all);
  runUntil([&] {
    serve(true);
    return std::all_of(peers.begin(), peers.end(), [](const Peer& p) { return p.fd.get() < 0; });
  });

  // Which peer belongs to which original is told by the bytes: a delivered one has exactly them,
  // and no peer ends in an orderly way but for one that was delivered.
  std::multiset<std::string> complete;
  for (const Peer& peer : peers) {
    if (peer.received.ended) complete.insert(peer.received.bytes);
  }
  std::multiset<std::string> delivered;
  for (const Original& one : all) {
    ASSERT_TRUE(one.fate) << one.handle;
    if (*one.fate == Reason::kNone) delivered.insert(one.bytes);
  }
  EXPECT_TRUE(complete == delivered) << complete.size() << " ended in an orderly way, "
                                     << delivered.size() << " were reported delivered";
  EXPECT_GT(delivered.size(), 0U) << "a script that delivers nothing proves nothing";
}

INSTANTIATE_TEST_SUITE_P(Scripts, DeliveryTest, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace dormouse::sink
