// The rule by which connections that were open before the mirror are joined (http/entry_search.h),
// through the whole way of a packet: hostile bodies, cut where they hurt, with segments that come
// twice or in the wrong order.
#include <gtest/gtest.h>

#include <random>

#include "tests/mirror/flow_mirror_fixture.h"
#include "tests/mirror/hostile_upload.h"

namespace dormouse::mirror {
namespace {

using dormouse::testing::Segment;
using dormouse::testing::TcpClient;

class JoiningTest : public FlowMirrorTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::size_t upTo(std::size_t n) { return random_() % (n + 1); }

  Upload upload(int number) { return hostileUpload(random_, number); }

  /// What the client sends now: at its place in the stream, with what it has read so far.
  void send(TcpClient& client, std::uint32_t at, const std::string& bytes) {
    Segment segment = client.data(at, bytes);
    segment.timestamp = clock_.wallNow();
    feed(segment);
    if (chance(10)) {  // It is sent again, perhaps after more has been read.
      segment.acknowledgment = client.ack;
      feed(segment);
    }
  }

  /// The parts of a body, neighbours in the wrong order now and then.
  std::uint32_t sendBody(TcpClient& client, std::uint32_t at,
                         const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto size = static_cast<std::uint32_t>(parts[i].size());
      if (i + 1 < parts.size() && chance(15)) {
        send(client, at + size, parts[i + 1]);
        send(client, at, parts[i]);
        at += size + static_cast<std::uint32_t>(parts[i + 1].size());
        ++i;
      } else {
        send(client, at, parts[i]);
        at += size;
      }
      clock_.advance(std::chrono::milliseconds(upTo(20)));
    }
    return at;
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(JoiningTest, ABusyConnectionIsJoinedAtItsFirstAnsweredRequestAndNowhereElse) {
  wire::MirrorSpec spec;
  const bool ofRequests = chance(50);
  if (ofRequests) spec.requests.probes = true;
  start(spec);
  mirror_->beginBatch(clock_.now());                     // It is awake.
  clock_.advance(std::chrono::milliseconds(upTo(700)));  // Less than the silence of the rule.
  TcpClient client;
  client.isn = static_cast<std::uint32_t>(random_());
  client.ack = static_cast<std::uint32_t>(random_());
  // The wake lies within the first body: only a rest of it is seen.
  std::vector<std::string> rest = upload(0).parts;
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(upTo(rest.size() - 1)));
  std::uint32_t at = sendBody(client, 0, rest);
  std::string expected;
  for (int number = 1; number <= 4; ++number) {
    client.ack += 1 + static_cast<std::uint32_t>(upTo(5000));  // The answer has been read.
    const Upload next = upload(number);
    expected += next.bytes();
    if (chance(50)) {
      send(client, at, next.head);
    } else {  // The head in two segments, the first of which begins it.
      const std::size_t cut = 1 + upTo(next.head.size() - 2);
      send(client, at, next.head.substr(0, cut));
      send(client, at + static_cast<std::uint32_t>(cut), next.head.substr(cut));
    }
    at = sendBody(client, at + static_cast<std::uint32_t>(next.head.size()), next.parts);
  }
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, expected);
  if (ofRequests) {
    EXPECT_EQ(sink_->live.begin()->second.requests, 4);
  }
}

TEST_P(JoiningTest, AnIdleConnectionIsJoinedAtItsNextRequest) {
  wire::MirrorSpec spec;
  spec.requests.probes = true;
  start(spec);
  mirror_->beginBatch(clock_.now());  // It is awake.
  clock_.advance(std::chrono::milliseconds(1000 + upTo(5000)));
  TcpClient client;
  client.isn = static_cast<std::uint32_t>(random_());
  client.ack = static_cast<std::uint32_t>(random_());
  const Upload only = upload(1);
  send(client, 0, only.head);
  sendBody(client, static_cast<std::uint32_t>(only.head.size()), only.parts);
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, only.bytes());
}

/// The limits that the documentation names; whoever lifts one of them changes it there.
TEST_F(FlowMirrorTest, TheRuleErrsWhereTheServerTalksIntoABodyThatLooksLikeARequest) {
  wire::MirrorSpec spec;
  spec.requests.probes = true;
  start(spec);
  const std::string fake = "GET /fake HTTP/1.1\r\nHost: evil\r\n\r\n";
  TcpClient client;
  feed(client.data(0, "the rest of something"));
  client.ack += 25;  // HTTP/1.1 100 Continue
  feed(client.data(21, fake));
  ASSERT_EQ(sink_->live.size(), 1U);
  EXPECT_EQ(sink_->live.begin()->second.bytes, fake);
}

TEST_F(FlowMirrorTest, AClientThatPipelinesWithoutWaitingIsNotJoined) {
  wire::MirrorSpec spec;
  spec.requests.probes = true;
  start(spec);
  const std::string get = "GET /real HTTP/1.1\r\nHost: a\r\n\r\n";
  const TcpClient client;
  for (std::uint32_t i = 0; i < 20; ++i) {
    feed(client.data(i * static_cast<std::uint32_t>(get.size()), get));
  }
  EXPECT_TRUE(sink_->live.empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, JoiningTest, ::testing::Range(1U, 301U));

}  // namespace
}  // namespace dormouse::mirror
