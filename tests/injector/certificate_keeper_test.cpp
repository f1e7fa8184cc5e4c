#include "injector/certificates/certificate_keeper.h"

#include <gtest/gtest.h>

#include "tests/injector/support/fake_cluster.h"
#include "tests/support/capture_log.h"

namespace dormouse::injector {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char* kName = "dormouse-injector.dormouse.svc";
constexpr auto kDay = hours(24);

// One injector of several that share a cluster and a clock.
struct Replica {
  Replica(FakeCluster& cluster, const ManualClock& clock)
      : keeper({"dormouse", "ca", "dormouse", {kName}, {}}, cluster, clock, log.log,
               [this](const CertificateAndKey& leaf) { served.push_back(leaf); }) {}

  bool servesFor(const std::string& bundle, const ManualClock& clock) const {
    return !served.empty() && verifies(served.back().certificate, bundle, kName, clock.wallNow());
  }

  test::CaptureLog log;
  std::vector<CertificateAndKey> served;
  CertificateKeeper keeper;
};

class KeeperTest : public ::testing::Test {
 protected:
  KeeperTest() {
    clock.advance(hours(24 * 365));
    cluster.secrets["dormouse/ca"];
  }

  std::map<std::string, std::string>& secret() { return cluster.secrets["dormouse/ca"].data; }
  const std::string& bundle() { return cluster.bundles.begin()->second; }

  // The step every 15 s for as long, and after each the promise that matters most: API servers that
  // have the bundle accept what is served.
  void run(Replica& replica, Nanos time) {
    for (Nanos passed{0}; passed < time; passed += seconds(15)) {
      clock.advance(seconds(15));
      ASSERT_TRUE(replica.keeper.step()) << replica.log.text();
      ASSERT_TRUE(replica.servesFor(bundle(), clock));
      ASSERT_TRUE(replica.keeper.ready());
    }
  }

  ManualClock clock;
  FakeCluster cluster;
};

TEST_F(KeeperTest, FillsAnEmptySecretAndEveryBundle) {
  Replica replica(cluster, clock);
  EXPECT_FALSE(replica.keeper.ready());
  ASSERT_TRUE(replica.keeper.step()) << replica.log.text();
  EXPECT_EQ(secret().size(), 2U);
  for (const auto& [name, text] : cluster.bundles) EXPECT_EQ(text, secret().at("ca.crt")) << name;
  EXPECT_TRUE(replica.servesFor(bundle(), clock));
  EXPECT_TRUE(replica.keeper.ready());
  EXPECT_EQ(replica.log.text().find(secret().at("ca.key").substr(30, 20)), std::string::npos);

  cluster.calls.clear();
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(cluster.calls.size(), cluster.count("GET"));  // Nothing is written twice.
  EXPECT_EQ(replica.served.size(), 1U);
}

TEST_F(KeeperTest, TheLeafIsForTheServiceAndForAWeek) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  const std::string& leaf = replica.served.back().certificate;
  EXPECT_FALSE(verifies(leaf, bundle(), "other.dormouse.svc", clock.wallNow()));
  EXPECT_TRUE(verifies(leaf, bundle(), kName, clock.wallNow() + 7 * kDay - seconds(1)));
  EXPECT_FALSE(verifies(leaf, bundle(), kName, clock.wallNow() + 7 * kDay + seconds(1)));
}

TEST_F(KeeperTest, RenewsTheLeafInTime) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  clock.advance(4 * kDay);
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(replica.served.size(), 1U);
  clock.advance(kDay);
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(replica.served.size(), 2U);
}

TEST_F(KeeperTest, RenewsTheLeafWithoutAnApiServer) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  cluster.before = [](const ApiRequest&) { throw ApiError(0, "timed out"); };
  clock.advance(5 * kDay);
  EXPECT_FALSE(replica.keeper.step());
  EXPECT_EQ(replica.served.size(), 2U);
  EXPECT_TRUE(replica.servesFor(bundle(), clock));
  EXPECT_TRUE(replica.keeper.ready());  // Who cannot be reached does not call either.
}

TEST_F(KeeperTest, RotatesTheCaWithoutAGap) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  const std::string old = secret().at("ca.crt");
  clock.advance(242 * kDay);
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(secret().at("ca.crt"), old);
  clock.advance(2 * kDay);
  ASSERT_TRUE(replica.keeper.step());
  const std::string current = secret().at("ca.crt");
  ASSERT_NE(current, old);
  EXPECT_EQ(secret().at("previous-ca.crt"), old);
  EXPECT_EQ(bundle(), current + old);

  // API servers that have not seen the new bundle yet are served for 60 s more.
  EXPECT_TRUE(replica.servesFor(old, clock));
  run(replica, seconds(45));
  EXPECT_TRUE(replica.servesFor(old, clock));
  run(replica, seconds(15));
  EXPECT_TRUE(replica.servesFor(current, clock));
  EXPECT_FALSE(replica.servesFor(old, clock));

  // The old one stays for the life of its last leaf.
  clock.advance(7 * kDay - seconds(75));
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(bundle(), current + old);
  clock.advance(seconds(30));
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_EQ(secret().count("previous-ca.crt"), 0U);
  EXPECT_EQ(bundle(), current);
}

TEST_F(KeeperTest, AReplicaThatStartsDuringARotationServesTheOldCaFirst) {
  Replica first(cluster, clock);
  ASSERT_TRUE(first.keeper.step());
  const std::string old = secret().at("ca.crt");
  clock.advance(244 * kDay);
  ASSERT_TRUE(first.keeper.step());
  Replica second(cluster, clock);
  ASSERT_TRUE(second.keeper.step());
  EXPECT_TRUE(second.servesFor(old, clock));
  EXPECT_TRUE(second.keeper.ready());
  run(second, seconds(60));
  EXPECT_FALSE(second.servesFor(old, clock));
}

TEST_F(KeeperTest, RepairsBundlesThatSomebodyEmptied) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  const std::string good = bundle();
  cluster.bundles["baseline.inject.dormouse.dev"] = "";
  cluster.bundles["restricted.inject.dormouse.dev"] = "nonsense";
  ++cluster.webhooksVersion;
  ASSERT_TRUE(replica.keeper.step());
  for (const auto& [name, text] : cluster.bundles) EXPECT_EQ(text, good) << name;
  EXPECT_EQ(replica.served.size(), 1U);
}

TEST_F(KeeperTest, AnEmptiedSecretIsARotation) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  const std::string old = bundle();
  cluster.secrets["dormouse/ca"] = {7, {}};
  ASSERT_TRUE(replica.keeper.step());
  EXPECT_NE(secret().at("ca.crt"), old);
  EXPECT_EQ(bundle(), secret().at("ca.crt") + old);
  EXPECT_TRUE(replica.servesFor(old, clock));
  run(replica, seconds(60));
  EXPECT_TRUE(replica.servesFor(secret().at("ca.crt"), clock));
}

TEST_F(KeeperTest, TwoReplicasThatStartTogetherAgree) {
  Replica first(cluster, clock);
  Replica second(cluster, clock);
  // The other one fills the Secret between this one's reading and writing.
  bool raced = false;
  cluster.before = [&](const ApiRequest& request) {
    if (request.method != "PUT" || raced) return;
    raced = true;
    ASSERT_TRUE(second.keeper.step()) << second.log.text();
  };
  // Its caBundles are there before this one's patch, which is refused; the next step is good.
  if (!first.keeper.step()) {
    EXPECT_FALSE(first.log.linesWith("409").empty() && first.log.linesWith("changed").empty());
    ASSERT_TRUE(first.keeper.step()) << first.log.text();
  }
  EXPECT_TRUE(raced);
  EXPECT_EQ(cluster.secrets["dormouse/ca"].version, 2);
  EXPECT_EQ(bundle(), secret().at("ca.crt"));
  EXPECT_TRUE(first.servesFor(bundle(), clock));
  EXPECT_TRUE(second.servesFor(bundle(), clock));
}

TEST_F(KeeperTest, AStaleReplicaCannotPutTheOldBundleBack) {
  Replica first(cluster, clock);
  Replica second(cluster, clock);
  ASSERT_TRUE(first.keeper.step());
  ASSERT_TRUE(second.keeper.step());
  const std::string old = bundle();
  clock.advance(242 * kDay);
  ASSERT_TRUE(second.keeper.step());
  clock.advance(2 * kDay);
  // While the second one is between reading the webhooks and the Secret, the first one rotates.
  bool raced = false;
  cluster.before = [&](const ApiRequest& request) {
    if (raced || request.path.find("/secrets/") == std::string::npos) return;
    raced = true;
    ASSERT_TRUE(first.keeper.step());
  };
  second.keeper.step();
  EXPECT_EQ(bundle(), secret().at("ca.crt") + old);
  ASSERT_TRUE(second.keeper.step());
  EXPECT_EQ(bundle(), secret().at("ca.crt") + old);
  EXPECT_EQ(cluster.secrets["dormouse/ca"].version, 3);
}

TEST_F(KeeperTest, ABrokenCaIsReplaced) {
  Replica replica(cluster, clock);
  for (const auto& data : std::vector<std::map<std::string, std::string>>{
           {{"ca.crt", "nonsense"}, {"ca.key", "nonsense"}},
           {{"ca.crt", "only this"}},
           {{"ca.key", "only this"}}}) {
    cluster.secrets["dormouse/ca"].data = data;
    ASSERT_TRUE(replica.keeper.step()) << replica.log.text();
    EXPECT_TRUE(replica.keeper.ready());
    EXPECT_FALSE(replica.log.linesWith("the CA cannot be used").empty());
  }
  // A certificate with another one's key.
  Replica other(cluster, clock);
  const CertificateAndKey stranger = makeAuthority("x", {clock.wallNow(), clock.wallNow() + kDay});
  secret()["ca.key"] = stranger.key;
  ASSERT_TRUE(other.keeper.step()) << other.log.text();
  EXPECT_TRUE(other.servesFor(bundle(), clock));
}

TEST_F(KeeperTest, AnExpiredCaIsReplaced) {
  Replica replica(cluster, clock);
  ASSERT_TRUE(replica.keeper.step());
  const std::string old = secret().at("ca.crt");
  clock.advance(400 * kDay);
  Replica later(cluster, clock);
  ASSERT_TRUE(later.keeper.step());
  EXPECT_NE(secret().at("ca.crt"), old);
  EXPECT_TRUE(later.keeper.ready());
}

TEST_F(KeeperTest, FaultsEndAStepAndTheNextOneRepairsIt) {
  for (const int status : {401, 403, 500, 409, 0}) {
    for (const char* method : {"GET", "PUT", "PATCH"}) {
      FakeCluster fresh;
      fresh.secrets["dormouse/ca"];
      Replica replica(fresh, clock);
      fresh.before = [&](const ApiRequest& request) {
        if (request.method == method) throw ApiError(status, "fault " + std::to_string(status));
      };
      EXPECT_FALSE(replica.keeper.step()) << method << " " << status;
      EXPECT_FALSE(replica.keeper.ready());
      EXPECT_FALSE(replica.log.linesWith("fault").empty());
      fresh.before = nullptr;
      EXPECT_TRUE(replica.keeper.step()) << method << " " << status;
      EXPECT_TRUE(replica.keeper.ready()) << method << " " << status;
      EXPECT_EQ(fresh.bundles.begin()->second, fresh.secrets["dormouse/ca"].data["ca.crt"]);
    }
  }
}

TEST_F(KeeperTest, SaysWhatIsMissing) {
  cluster.secrets.clear();
  Replica replica(cluster, clock);
  EXPECT_FALSE(replica.keeper.step());
  EXPECT_FALSE(replica.log.linesWith("there is no such Secret").empty());
  EXPECT_TRUE(replica.served.empty());
}

TEST_F(KeeperTest, TellsWhenCertificatesEnd) {
  Replica replica(cluster, clock);
  EXPECT_EQ(replica.keeper.leafExpiry(), 0);
  ASSERT_TRUE(replica.keeper.step());
  const auto inDays = [this](int days) {
    const WallTime end = clock.wallNow() + days * kDay;
    return std::chrono::duration_cast<seconds>(end.time_since_epoch()).count();
  };
  EXPECT_EQ(replica.keeper.leafExpiry(), inDays(7));
  EXPECT_EQ(replica.keeper.authorityExpiry(), inDays(365));
}

}  // namespace
}  // namespace dormouse::injector
