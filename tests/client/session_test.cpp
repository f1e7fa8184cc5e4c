// How long a session tries, and when it ends, on a clock that the test moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/client/session_harness.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kNowhere = "http://127.0.0.1:9";
constexpr seconds kNoTtl{0};

TEST(Session, ThatIsNeverReachedIsGivenUp) {
  SessionHarness run(kNowhere, kNoTtl, true);
  run.way.state = Endpoint::State::kFailed;
  run.way.trouble = "pod/web-0: no way";
  run.pass(minutes(4));
  EXPECT_FALSE(run.session->over());
  EXPECT_GT(run.way.opened, 5);
  run.pass(minutes(2));
  EXPECT_TRUE(run.session->over());
  EXPECT_EQ(run.session->refusal(), "pod/web-0: no way");
}

TEST(Session, ThatIsReachedAtLastIsNotRefused) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream().ledger(deliveredLedger(0)).text());
  });
  SessionHarness run(sidecar.url(), kNoTtl, true);
  run.way.state = Endpoint::State::kFailed;
  run.way.trouble = "pod/web-0: not yet";
  run.pass(seconds(3));
  run.way.state = Endpoint::State::kOpen;
  run.pass(seconds(10));
  ASSERT_TRUE(run.until([&] { return run.session->over(); }));
  EXPECT_EQ(run.session->refusal(), "");
  EXPECT_EQ(run.session->code(), ExitCode::kDelivered);
}

TEST(Session, DoesNotOutliveItsTimeOnTheWay) {
  SessionHarness run(kNowhere, seconds(30), true);
  run.way.state = Endpoint::State::kOpening;
  run.pass(seconds(29));
  EXPECT_FALSE(run.session->over());
  run.pass(seconds(2));
  EXPECT_TRUE(run.session->over());
  EXPECT_THAT(run.session->refusal(), HasSubstr("before its sidecar is reached"));
}

TEST(Session, DoesNotOutliveItsTimeBetweenTwoTries) {
  SessionHarness run(kNowhere, seconds(100), true);
  run.way.state = Endpoint::State::kFailed;
  run.way.trouble = "pod/web-0: no way";
  run.pass(seconds(99));
  EXPECT_FALSE(run.session->over());
  const int tries = run.way.opened;
  run.pass(seconds(1));
  EXPECT_TRUE(run.session->over());
  EXPECT_EQ(run.way.opened, tries);
  EXPECT_EQ(run.session->refusal(), "pod/web-0: no way");
}

TEST(Session, WhoseMirrorsEndAtOnceComesBackMoreAndMoreSlowly) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) { call.beginStream(); });
  SessionHarness run(sidecar.url(), kNoTtl, true);
  const auto mirrors = [&] { return run.session->tally().mirrors; };
  const auto away = [&] { return run.session->tally().interruptions; };
  for (unsigned i = 1; i <= 6; ++i) {
    ASSERT_TRUE(run.until([&] { return mirrors() == i && away() == i; })) << run.shown();
    if (i < 6) run.clock.advance(seconds(15));
  }
  // The sixth wait is 15 s.
  run.pass(seconds(14));
  EXPECT_EQ(run.way.opened, 6);
  run.pass(seconds(1));
  EXPECT_EQ(run.way.opened, 7);
}

TEST(Session, NoticesThatAStreamIsDeadBySilence) {
  FakeSidecar sidecar;
  Flag heartbeat;
  std::atomic<int> streams = 0;
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    if (++streams == 1) {
      call.send(Stream().text());
      heartbeat.await();
      std::vector<std::uint8_t> bytes;
      wire::appendHeartbeat(bytes);
      call.send({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      call.awaitClose();
    } else {
      call.send(Stream().ledger(deliveredLedger(0)).text());
    }
  });
  sidecar.on("DELETE /v1/mirrors/",
             [](Call& call) { call.answer(200, reportJson(deliveredLedger(0))); });
  SessionHarness run(sidecar.url(), kNoTtl, true);
  ASSERT_TRUE(run.until([&] { return run.session->mirroring(); }));
  run.pass(seconds(15));
  EXPECT_EQ(run.session->tally().interruptions, 0U);
  // The heartbeat may take its time; this process slept, and finds it late.
  heartbeat.set();
  ASSERT_TRUE(run.awaitArrival());
  run.clock.advance(seconds(15));
  run.session->tend();
  EXPECT_EQ(run.session->tally().interruptions, 0U);
  run.pass(seconds(19));
  EXPECT_EQ(run.session->tally().interruptions, 0U);
  run.pass(seconds(1));
  EXPECT_EQ(run.session->tally().interruptions, 1U);
  EXPECT_THAT(run.shown(),
              HasSubstr("the stream broke off: nothing came for 20.0 s; reconnecting"));
  run.pass(seconds(1));
  ASSERT_TRUE(run.until([&] { return run.session->over(); }));
  EXPECT_GE(run.session->tally().away, seconds(20)) << "the silence was not seen either";
  EXPECT_EQ(run.way.opened, 2);
}

TEST(Session, CountsWhatItLearnsOfABrokenMirrorOnce) {
  FakeSidecar sidecar;
  std::atomic<int> streams = 0;
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream(++streams == 1 ? "m-1" : "m-2");
    call.send(Stream().text());
  });
  sidecar.on("DELETE /v1/mirrors/m-1",
             [](Call& call) { call.answer(200, reportJson(deliveredLedger(3))); });
  SessionHarness run(sidecar.url(), kNoTtl, true);
  ASSERT_TRUE(run.until([&] { return run.session->tally().interruptions == 1; })) << run.shown();
  run.clock.advance(seconds(1));
  ASSERT_TRUE(run.until([&] { return run.session->tally().interruptions == 2; })) << run.shown();
  // Of the second mirror nothing is known when the session ends.
  run.session->stop();
  ASSERT_TRUE(run.until([&] { return run.session->over(); }));
  EXPECT_EQ(run.session->tally().ledger.connections.seen, 3U);
  EXPECT_EQ(run.session->tally().unaccounted, 1U);
  EXPECT_EQ(run.session->code(), ExitCode::kBrokenOff);
}

TEST(Session, ThatIsOverLeavesItsWay) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream().ledger(deliveredLedger(0)).text());
  });
  SessionHarness run(sidecar.url(), kNoTtl, true);
  ASSERT_TRUE(run.until([&] { return run.session->mirroring(); }));
  EXPECT_TRUE(run.way.alive);
  ASSERT_TRUE(run.until([&] { return run.session->over(); }));
  EXPECT_FALSE(run.way.alive);
  run.turn();
}

}  // namespace
}  // namespace dormouse::client
