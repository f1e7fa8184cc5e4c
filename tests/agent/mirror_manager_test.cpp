#include "agent/mirror_manager.h"

#include <Poco/Net/ServerSocket.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/problem.h"
#include "common/worker_thread.h"
#include "http/sampler.h"
#include "tests/agent/fake_capture.h"
#include "tests/support/packets.h"
#include "wire/frames.h"

namespace dormouse::agent {
namespace {

using dormouse::testing::FakeCapture;
using dormouse::testing::TcpClient;
using dormouse::testing::Wire;
using ::testing::HasSubstr;

/// Collects what a stream's reader gets.
struct Frames final : wire::FrameHandler {
  std::map<std::uint64_t, std::string> bytes;
  std::map<std::uint64_t, Reason> closed;
  std::string ledger;

  void onOpen(const wire::OpenFrame& frame) override { bytes[frame.connection]; }
  void onData(std::uint64_t connection, std::span<const std::uint8_t> data) override {
    bytes[connection].append(data.begin(), data.end());
  }
  void onRequest(const wire::RequestFrame&) override {}
  void onClose(const wire::CloseFrame& frame) override { closed[frame.connection] = frame.reason; }
  void onLedger(std::string_view json) override { ledger = json; }
  void onHeartbeat() override {}
  void onResponse(const wire::ResponseFrame&) override {}
};

class MirrorManagerTest : public ::testing::Test {
 protected:
  explicit MirrorManagerTest(Settings settings = MirrorManagerTest::settings())
      : manager_(std::move(settings), dependencies(), "1.2.3") {}
  ~MirrorManagerTest() override { manager_.shutdown(std::chrono::seconds(10)); }

  static Settings settings() {
    Settings settings;
    settings.mirror.maxMirrors = 2;
    settings.mirror.ownPorts = {4747};
    return settings;
  }
  ManagerDependencies dependencies() {
    return {clock_,
            executor_,
            [this](const capture::PcapOptions& options) -> std::unique_ptr<capture::Capture> {
              if (capabilityMissing_) throw capture::MissingCapability("CAP_NET_RAW is missing");
              filter_ = options.filter;
              return std::make_unique<FakeCapture>(wire_);
            },
            [](const wire::MirrorSpec&) -> std::unique_ptr<sink::Target> {
              throw Problem(403, "push is off", "to");
            },
            [this](const mirror::MirrorReport&) { ++wakes_; },
            [this](const mirror::MirrorReport&) { ++sleeps_; }};
  }

  static wire::MirrorSpec onPort(std::uint16_t port) {
    wire::MirrorSpec spec;
    spec.ports = {port};
    return spec;
  }

  /// A stream that runs; its reader's end is reader_. Returns its id.
  std::string startStream(const std::string& owner = "ana",
                          const wire::MirrorSpec& spec = onPort(8080)) {
    Poco::Net::ServerSocket listener(Poco::Net::SocketAddress("127.0.0.1", 0));
    reader_ = Poco::Net::StreamSocket(listener.address());
    const auto pending = manager_.openStream(owner, spec);
    pending->start(std::make_unique<StreamSocket>(listener.acceptConnection()));
    return pending->id();
  }

  Frames readToEnd() {
    Frames frames;
    wire::FrameDecoder decoder(frames);
    std::array<std::uint8_t, 4096> buffer{};
    for (;;) {
      const int n = reader_.receiveBytes(buffer.data(), buffer.size());
      if (n <= 0) return frames;
      decoder.feed({buffer.data(), static_cast<std::size_t>(n)});
    }
  }

  int statusOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const Problem& problem) {
      detail_ = problem.what();
      return problem.status();
    }
    return 0;
  }

  SystemClock clock_;
  std::shared_ptr<Wire> wire_ = std::make_shared<Wire>();
  std::atomic<bool> capabilityMissing_{false};
  std::string filter_;
  std::string detail_;
  std::atomic<int> wakes_{0};
  std::atomic<int> sleeps_{0};
  Poco::Net::StreamSocket reader_;
  MirrorManager manager_;
  WorkerThread executor_;  // Ends first: the manager must outlive its tasks.
};

TEST_F(MirrorManagerTest, AStreamThatIsEndedBeforeItHasStartedEndsAtItsStart) {
  Poco::Net::ServerSocket listener(Poco::Net::SocketAddress("127.0.0.1", 0));
  reader_ = Poco::Net::StreamSocket(listener.address());
  wire::MirrorSpec spec = onPort(8080);
  spec.ttl = std::chrono::seconds(6);  // One that is not ended ends all the same.
  const auto pending = manager_.openStream("ana", spec);
  EXPECT_TRUE(manager_.status().awake) << "others may know of it";
  manager_.endAll("ana");  // Waits for the end in vain, some seconds long.
  pending->start(std::make_unique<StreamSocket>(listener.acceptConnection()));
  EXPECT_THAT(readToEnd().ledger, HasSubstr(R"("ended_because":"deleted")"));
}

TEST_F(MirrorManagerTest, AStreamDeliversItsConnectionsAndEndsWithItsLedger) {
  EXPECT_FALSE(manager_.status().awake);
  const std::string id = startStream();
  EXPECT_TRUE(manager_.status().awake);
  EXPECT_THAT(filter_, HasSubstr("8080"));

  const TcpClient client;
  wire_->send(ipBytes(client.syn()));
  wire_->send(ipBytes(client.data(0, "GET / HTTP/1.1\r\n\r\n")));
  wire_->send(ipBytes(client.fin(18)));
  // What arrived before the end is delivered, even if nobody has looked at the capture yet.
  const mirror::MirrorReport report = manager_.end("ana", id);
  EXPECT_EQ(report.state, mirror::State::kEnded);
  EXPECT_EQ(report.endedBecause, "deleted");
  EXPECT_EQ(report.ledger.connections.delivered, 1U);
  EXPECT_EQ(report.ledger.packets.seen, 3U);
  EXPECT_TRUE(report.ledger.balances());
  EXPECT_EQ(report.verdict, "1 of 1 connection delivered");

  const Frames frames = readToEnd();
  ASSERT_EQ(frames.bytes.size(), 1U);
  EXPECT_EQ(frames.bytes.begin()->second, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(frames.closed.begin()->second, Reason::kNone);
  EXPECT_THAT(frames.ledger, HasSubstr(id));
  EXPECT_FALSE(manager_.status().awake);
  EXPECT_EQ(manager_.find(id).state, mirror::State::kEnded);
  EXPECT_EQ(manager_.status().packetsSeen, 3U);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(sleeps_, 1);
}

TEST_F(MirrorManagerTest, AMirrorEndsWithItsTime) {
  wire::MirrorSpec spec = onPort(8080);
  spec.ttl = std::chrono::seconds(1);
  const std::string id = startStream("ana", spec);
  EXPECT_THAT(readToEnd().ledger, HasSubstr(R"("ended_because":"ttl")"));
  EXPECT_EQ(manager_.find(id).endedBecause, "ttl");
}

TEST_F(MirrorManagerTest, AReaderThatGoesAwayEndsTheMirror) {
  const std::string id = startStream();
  reader_.close();
  while (manager_.status().awake) std::this_thread::yield();
  EXPECT_EQ(manager_.find(id).endedBecause, "reader gone");
}

TEST_F(MirrorManagerTest, RefusesWhatMayNotBe) {
  EXPECT_EQ(statusOf([&] { manager_.openStream("ana", onPort(4747)); }), 400);
  EXPECT_EQ(statusOf([&] { manager_.createPush("ana", onPort(8080)); }), 403);
  EXPECT_EQ(statusOf([&] { manager_.find("m-000000000000"); }), 404);
  capabilityMissing_ = true;
  EXPECT_EQ(statusOf([&] { manager_.openStream("ana", onPort(8080)); }), 503);
  EXPECT_EQ(detail_, "CAP_NET_RAW is missing");
  EXPECT_FALSE(manager_.status().awake);
}

TEST_F(MirrorManagerTest, AStreamThatNeverStartsGivesItsPlaceBack) {
  {
    const auto one = manager_.openStream("ana", onPort(8080));
    const auto two = manager_.openStream("bob", onPort(8080));
    EXPECT_EQ(manager_.list().size(), 2U);  // Their captures are live.
    EXPECT_TRUE(manager_.status().awake);
    EXPECT_EQ(statusOf([&] { manager_.openStream("eve", onPort(8080)); }), 409);
    EXPECT_THAT(detail_, HasSubstr("(ana 1, bob 1)"));
  }
  EXPECT_NO_THROW(manager_.openStream("eve", onPort(8080)));
}

TEST_F(MirrorManagerTest, OnlyItsOwnerEndsAMirror) {
  const std::string id = startStream("ana");
  EXPECT_EQ(statusOf([&] { manager_.end("bob", id); }), 403);
  EXPECT_TRUE(manager_.endAll("bob").empty());
  const auto ended = manager_.endAll("ana");
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].id, id);
  EXPECT_EQ(manager_.end("ana", id).endedBecause, "deleted");  // Once more does no harm.
}

TEST_F(MirrorManagerTest, ShutdownEndsEverythingAndRefusesMore) {
  const std::string id = startStream();
  manager_.shutdown(std::chrono::seconds(10));
  EXPECT_EQ(manager_.find(id).endedBecause, "shutdown");
  EXPECT_EQ(statusOf([&] { manager_.openStream("ana", onPort(8080)); }), 503);
}

constexpr Nanos kIdle = std::chrono::minutes(1);

TEST_F(MirrorManagerTest, RetiresOnceItHasBeenIdleForLong) {
  ManualClock clock;
  ManagerDependencies dependencies{clock, executor_, {}, {}, {}, {}};
  MirrorManager manager(settings(), std::move(dependencies), "1");
  EXPECT_EQ(manager.retireAfter(kIdle), kIdle);  // From its begin.
  clock.advance(kIdle - Nanos{1});
  EXPECT_EQ(manager.retireAfter(kIdle), Nanos{1});
  clock.advance(Nanos{1});
  EXPECT_EQ(manager.retireAfter(kIdle), std::nullopt);
  EXPECT_EQ(statusOf([&] { manager.openStream("ana", onPort(8080)); }), 503);
  EXPECT_THAT(detail_, HasSubstr("shutting down"));
}

TEST_F(MirrorManagerTest, IsIdleFromTheLastMirrorsEndOn) {
  const std::string id = startStream();
  EXPECT_EQ(manager_.retireAfter(kIdle), kIdle);
  const TimePoint before = clock_.now();
  manager_.end("ana", id);
  const auto left = manager_.retireAfter(kIdle);
  ASSERT_TRUE(left);
  EXPECT_GE(*left, kIdle - (clock_.now() - before));  // What was before does not count.
  EXPECT_LT(*left, kIdle);
  capabilityMissing_ = true;  // A wake that fails takes its place and gives it back.
  EXPECT_EQ(statusOf([&] { manager_.openStream("ana", onPort(8080)); }), 503);
  EXPECT_LE(manager_.retireAfter(kIdle), kIdle);
}

class CeilingTest : public MirrorManagerTest {
 protected:
  static constexpr double kPercent = 10;

  CeilingTest() : MirrorManagerTest(withCeiling()) {}

  static Settings withCeiling() {
    Settings settings = MirrorManagerTest::settings();
    settings.mirror.maxPercent = kPercent;
    return settings;
  }
};

TEST_F(CeilingTest, WakingAgainDoesNotLiftIt) {
  // A key that all requests have in common, and that is within the sample.
  std::string key = "a";
  while (http::sampleRank(key) >= kPercent) key += 'a';
  wire::MirrorSpec spec = onPort(8080);
  spec.requests.percent = kPercent;
  spec.requests.by = "header:x-user";
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "GET / HTTP/1.1\r\nHost: a\r\nX-User: " + key + "\r\n\r\n";
  }
  constexpr int kWakes = 10;
  std::uint64_t delivered = 0;
  for (int wake = 0; wake < kWakes; ++wake) {
    const std::string id = startStream("ana", spec);
    const TcpClient client;
    wire_->send(ipBytes(client.syn()));
    wire_->send(ipBytes(client.data(0, requests)));
    wire_->send(ipBytes(client.fin(static_cast<std::uint32_t>(requests.size()))));
    const wire::Ledger ledger = manager_.end("ana", id).ledger;
    EXPECT_EQ(ledger.requests.seen, 50U);
    delivered += ledger.requests.delivered;
  }
  EXPECT_LE(delivered, http::HeadStart::kPlaces + kWakes * 50 * kPercent / 100);
  EXPECT_GT(delivered, http::HeadStart::kPlaces);
}

}  // namespace
}  // namespace dormouse::agent
