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

}  // namespace
}  // namespace dormouse::client
